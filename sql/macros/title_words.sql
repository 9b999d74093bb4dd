-- The distinct words of a title, in lower case, without punctuation: what two titles are compared by.
CREATE OR REPLACE MACRO title_words(title) AS
    list_distinct(list_filter(regexp_split_to_array(lower(title), '[^\p{L}\p{N}]+'), lambda word: word <> ''));
