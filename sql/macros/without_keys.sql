-- A text whose addresses have lost user, password, query and fragment, where signatures and keys stand.
CREATE OR REPLACE MACRO without_keys(said) AS regexp_replace(
    regexp_replace(said, '(:\\?/\\?/)[^/\s"''<>@]*@', '\1', 'g'), '(:\\?/\\?/[^\s"''<>?#]*)[?#][^\s"''<>;,|]*', '\1', 'g'
);
