-- Where the workspace has stood: facts name files below its root. A row each time it is opened somewhere else.
CREATE TABLE workspace_places (seq BIGINT, root VARCHAR, noted_at TIMESTAMPTZ);
