-- True for an item that keeps its category while a person looks at it: the audit stopped its department's automation, or the
-- model, certified, contradicts what was decided of a content that has changed since.
CREATE OR REPLACE MACRO is_rechecked(outcome, reason) AS 
    (outcome = 'placed' AND reason = 'department_stopped') OR (outcome = 'decided' AND reason = 'contradicts_decision');
