"""Articles from elsewhere: XZuFi feeds, CSV tables, JSON of several shapes."""
