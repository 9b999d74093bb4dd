-- True for the outcomes under which an item stands in a category that the shop may show.
CREATE OR REPLACE MACRO has_category(outcome) AS outcome IN ('placed', 'placed_at_parent', 'decided');
