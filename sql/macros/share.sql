-- part / whole as a number between 0 and 1; NULL where whole is 0.
CREATE OR REPLACE MACRO share(part, whole) AS part / nullif(whole, 0);
