-- What stands behind the last slash of a path.
CREATE OR REPLACE MACRO file_name(path) AS regexp_extract(path, '[^/\\]*$');
