-- Who holds which item of the review queue. One row per item each time it was lent, lent on or given back; the last row of
-- an item, as it looked, stands. word: taken, renewed or returned. export_id: the sheet, or the page's, that the rows are on.
-- place: the row's place on it. until: when it is free again by itself.
CREATE TABLE leases (
    seq BIGINT, export_id VARCHAR, place INTEGER, vendor VARCHAR, item_id VARCHAR, input_hash VARCHAR, reviewer VARCHAR,
    word VARCHAR, until TIMESTAMPTZ, taken_at TIMESTAMPTZ, run_id VARCHAR, said_at TIMESTAMPTZ
);

-- reviewer: whose sheet it is; NULL for a sheet of the whole queue, which anybody may fill.
ALTER TABLE exports ADD COLUMN reviewer VARCHAR;

-- One row per import of answers that a person took back: its decisions no longer stand, those before it do again.
CREATE TABLE import_undos (
    seq BIGINT, import_id VARCHAR, who VARCHAR, note VARCHAR, run_id VARCHAR, undone_at TIMESTAMPTZ
);
