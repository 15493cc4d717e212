//! Inputs and surroundings that mean harm: each ends in a right answer or a clear error, and leaves
//! what is not ours alone.

mod damaged;
mod databases;
mod edges;
mod foreign;
mod limits;
mod no_threads;
mod shown;
mod signals;
mod sizes;
mod waits;
