-- Whether two titles, as title_words gives them, may name one product: half of the shorter one's words are in the other.
CREATE OR REPLACE MACRO titles_alike(one, other) AS
    2 * len(list_intersect(one, other)) >= least(len(one), len(other)) AND least(len(one), len(other)) > 0;
