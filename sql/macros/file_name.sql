-- What stands behind the last slash of a path, either way slashes lean.
CREATE OR REPLACE MACRO file_name(path) AS split_part(replace(path, '\', '/'), '/', -1);
