//! Redis wherever JavaScript runs.
