-- True for the outcomes that keep an item in the review backlog; an item at a parent waits there for its leaf.
CREATE OR REPLACE MACRO awaits_person(outcome) AS outcome IN ('review', 'placed_at_parent');
