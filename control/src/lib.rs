//! The control side of mexfwd: what is configured, and how it is changed.

pub mod api;
pub mod ask;
pub mod command;
pub mod config;
pub mod effect;
pub mod family;
pub mod nd;
pub mod oam;
pub mod program;
pub mod replay;
pub mod rib;
pub mod router;
pub mod run;
