-- True for the category at path top and everything below it, by their paths: is_under(path, 'Home > Kitchen').
CREATE OR REPLACE MACRO is_under(path, top) AS path = top OR starts_with(path, top || ' > ');
