-- The rows of category_nodes at the category with path top or below it: FROM nodes_under('Home > Kitchen').
CREATE OR REPLACE MACRO nodes_under(top) AS TABLE
SELECT n.* FROM category_nodes n WHERE n.path = top OR starts_with(n.path, top || ' > ');
