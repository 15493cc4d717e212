//! What makes a history of a trace database and its memo simpler.

use std::num::NonZeroUsize;

use super::data_op::DataOp;
use super::op::{Case, Op};
use super::race_op::{Race, Writer};
use super::scan_op::Act;
use crate::shrinking::{Shrink, without_one};

impl Shrink for Case {
    type Op = Op;

    fn ops(&self) -> &[Op] {
        &self.ops
    }

    fn with_ops(&self, ops: Vec<Op>) -> Self {
        Self { ops, ..self.clone() }
    }

    fn simpler_circumstances(&self) -> Vec<Self> {
        let unasked = self.python.then(|| Self { python: false, ..self.clone() });
        let here = self.fresh.then(|| Self { fresh: false, ..self.clone() });
        let one = (self.connections > NonZeroUsize::MIN)
            .then(|| Self { connections: NonZeroUsize::MIN, ..self.clone() });
        let direct = self.link.then(|| Self { link: false, ..self.clone() });
        [unasked, here, one, direct].into_iter().flatten().collect()
    }

    fn simpler(op: &Op) -> Vec<Op> {
        match op {
            Op::Data(DataOp::Append(rows)) => {
                without_one(rows).map(|rows| Op::Data(DataOp::Append(rows))).collect()
            }
            Op::Race(race) => simpler_races(race).into_iter().map(Op::Race).collect(),
            Op::Scan(scan) => {
                let mut simpler = Vec::new();
                let mut push = |change: &dyn Fn(&mut super::ScanOp)| {
                    let mut scan = scan.clone();
                    change(&mut scan);
                    simpler.push(Op::Scan(scan));
                };
                if scan.again {
                    push(&|scan| scan.again = false);
                }
                if scan.rescan {
                    push(&|scan| scan.rescan = false);
                }
                if let Some(event) = &scan.event {
                    push(&|scan| scan.event = None);
                    for acts in without_one(&event.acts) {
                        push(&|scan| {
                            scan.event.iter_mut().for_each(|event| event.acts.clone_from(&acts));
                        });
                    }
                    for (place, act) in event.acts.iter().enumerate() {
                        let Act::Data(DataOp::Append(rows)) = act else { continue };
                        for rows in without_one(rows) {
                            let act = Act::Data(DataOp::Append(rows));
                            push(&|scan| {
                                scan.event
                                    .iter_mut()
                                    .for_each(|event| event.acts[place] = act.clone());
                            });
                        }
                    }
                }
                simpler
            }
            _ => Vec::new(),
        }
    }
}

/// Races that are a step simpler than `race`.
fn simpler_races(race: &Race) -> Vec<Race> {
    let mut simpler = Vec::new();
    if race.scans.len() + usize::from(race.writer.is_some()) > 1 {
        for place in 0..race.scans.len() {
            let mut race = race.clone();
            race.scans.remove(place);
            simpler.push(race);
        }
        simpler.push(Race { writer: None, ..race.clone() });
    }
    if let Some(writer) = &race.writer {
        for ops in without_one(&writer.ops) {
            simpler.push(Race { writer: Some(Writer { ops, ..writer.clone() }), ..race.clone() });
        }
    }
    for place in 0..race.scans.len() {
        if race.scans[place].kill.is_some() {
            let mut race = race.clone();
            race.scans[place].kill = None;
            simpler.push(race);
        }
    }
    simpler.retain(|simpler| simpler != race);
    simpler
}
