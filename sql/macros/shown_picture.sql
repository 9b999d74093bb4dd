-- A picture's file name, or its URL without user, password, query and fragment, where signatures and keys stand.
CREATE OR REPLACE MACRO shown_picture(reference) AS CASE
    WHEN regexp_matches(reference, '^([^:/?#]*:)?//') THEN regexp_replace(
        regexp_replace(reference, '[?#].*$', '', 's'), '^([^:/]*:)?//[^/]*@', '\1//'
    )
    ELSE regexp_extract(regexp_replace(reference, '[?].*$', '', 's'), '[^/\\]*$')
END;
