-- A picture's file name, or its URL without user, password, query and fragment, where signatures and keys stand.
CREATE OR REPLACE MACRO shown_picture(reference) AS CASE
    WHEN contains(reference, '://') OR starts_with(reference, '//') THEN split_part(
        split_part(
            CASE
                WHEN contains(reference, '@') THEN regexp_replace(reference, '^([^:/]*:)?//[^/]*@', '\1//')
                ELSE reference
            END, '?', 1
        ), '#', 1
    )
    -- as file_name does: a macro that calls another is not found under the alias of an attached file
    ELSE split_part(replace(split_part(reference, '?', 1), '\', '/'), '/', -1)
END;
