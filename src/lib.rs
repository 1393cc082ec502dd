//! Redis wherever JavaScript runs.

#![deny(unsafe_code)]

pub mod base;
pub mod data;
