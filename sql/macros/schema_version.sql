-- The version of the published tables, views and macros. Within a major version columns and views are only added.
CREATE OR REPLACE MACRO schema_version() AS '1.3';
