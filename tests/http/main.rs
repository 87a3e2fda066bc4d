//! The server over its real router: no socket, a clock that is moved by hand, keys made here.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helpers may fail the test")]

mod accounts;
mod answers;
mod app;
mod attribution;
mod calendar;
mod channels;
mod clients;
mod conflicts;
mod connections;
mod crowds;
mod desk;
mod desk_limits;
mod desk_pages;
mod doctor;
mod events;
mod expiry;
mod figures;
mod fuzz;
mod guards;
mod history;
mod incidents;
mod look_pages;
mod openapi;
mod operator;
mod pages;
mod polls;
mod pushes;
mod reach;
mod readers;
mod reports;
mod requests;
mod rights;
mod robot;
mod serving;
mod settled_pages;
mod today_pages;
mod tokens;
mod waits;
