-- The rows of current_category at the category with path top or below it: FROM under('Home > Kitchen').
CREATE OR REPLACE MACRO under(top) AS TABLE
SELECT c.* FROM current_category c WHERE c.path = top OR starts_with(c.path, top || ' > ');
