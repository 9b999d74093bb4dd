-- True for an item that keeps its leaf while a person looks at it, because the audit stopped its department's automation.
CREATE OR REPLACE MACRO is_rechecked(outcome, reason) AS outcome = 'placed' AND reason = 'department_stopped';
