-- True where of sorted paths each lies above the next, or there is one: on_one_branch(['Home', 'Home > Kitchen']).
CREATE OR REPLACE MACRO on_one_branch(paths) AS
    len(list_filter(paths, lambda one: one <> paths[-1] AND NOT starts_with(paths[-1], one || ' > '))) = 0;
