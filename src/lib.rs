//! Redis wherever JavaScript runs.

pub mod base;
