//! The sink: a bounded queue before the trace log, emptied in batches by a separate thread.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::log::TraceLog;
use crate::row::OwnedRow;

/// When an unfinished batch is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    /// When this much time has passed since its first row.
    Every(Duration),
    /// On [`LogSink::tick`] only: the caller is the clock.
    Manual,
}

/// How a sink queues and batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkOptions {
    /// Rows that may wait; the next one is dropped.
    pub queue: usize,
    /// Rows that make a batch.
    pub batch: usize,
    /// When a smaller batch is written.
    pub interval: Interval,
}

impl Default for SinkOptions {
    /// As the Codex CLI: a queue of 512, batches of 128 or what two seconds brought.
    fn default() -> Self {
        Self { queue: 512, batch: 128, interval: Interval::Every(Duration::from_secs(2)) }
    }
}

/// What went through a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SinkStatistics {
    /// Rows written.
    pub inserted: u64,
    /// Rows that retention deleted.
    pub pruned: u64,
    /// Batches, that is transactions, written.
    pub batches: u64,
    /// Rows dropped because the queue was full or the writer had failed.
    pub dropped: u64,
}

enum Message {
    Row(Box<OwnedRow>),
    Tick,
    Flush(SyncSender<()>),
}

/// A queue before a [`TraceLog`]. Handing over a row never waits for the database.
#[derive(Debug)]
pub struct LogSink {
    sender: Option<SyncSender<Message>>,
    writer: Option<JoinHandle<Result<SinkStatistics>>>,
    dropped: Arc<AtomicU64>,
    path: PathBuf,
}

impl LogSink {
    /// Starts the writer thread for `log`.
    ///
    /// # Errors
    /// [`Error::NoThread`].
    pub fn start(log: TraceLog, options: SinkOptions) -> Result<Self> {
        let (sender, receiver) = sync_channel(options.queue);
        let path = log.path().to_path_buf();
        let work = move || {
            Writer { log, options, batch: Vec::new(), statistics: SinkStatistics::default() }
                .run(&receiver)
        };
        match std::thread::Builder::new().spawn(work) {
            Ok(writer) => {
                let (sender, writer) = (Some(sender), Some(writer));
                Ok(Self { sender, writer, dropped: Arc::default(), path })
            }
            Err(source) => Err(Error::NoThread { path, source }),
        }
    }

    /// Queues a row. `false` when it was dropped, because the queue was full or the writer has
    /// failed.
    pub fn push(&self, row: OwnedRow) -> bool {
        let sent = self.sender.as_ref().map(|sender| sender.try_send(Message::Row(Box::new(row))));
        let accepted = matches!(sent, Some(Ok(())));
        if let Some(Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) = sent {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        accepted
    }

    /// Rows dropped so far.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Does what the passing of the interval does: an unfinished batch is written. Waits for room
    /// in the queue.
    ///
    /// # Errors
    /// [`Error::SinkGone`] when the writer has failed; [`LogSink::close`] tells why.
    pub fn tick(&self) -> Result<()> {
        self.send(Message::Tick)
    }

    /// Returns when every row pushed before is in the database.
    ///
    /// # Errors
    /// [`Error::SinkGone`] when the writer has failed; [`LogSink::close`] tells why.
    pub fn flush(&self) -> Result<()> {
        let (done, barrier) = sync_channel(1);
        self.send(Message::Flush(done))?;
        barrier.recv().map_err(|_| Error::SinkGone { path: self.path.clone() })
    }

    /// Writes what is queued, ends the thread and tells what went through.
    ///
    /// # Errors
    /// The error that ended the writer, if one did.
    pub fn close(mut self) -> Result<SinkStatistics> {
        self.sender = None;
        let gone = Error::SinkGone { path: self.path.clone() };
        let joined = self.writer.take().map(JoinHandle::join);
        let statistics = joined.and_then(std::result::Result::ok).ok_or(gone)??;
        Ok(SinkStatistics { dropped: self.dropped(), ..statistics })
    }

    fn send(&self, message: Message) -> Result<()> {
        let sent = self.sender.as_ref().is_some_and(|sender| sender.send(message).is_ok());
        if sent { Ok(()) } else { Err(Error::SinkGone { path: self.path.clone() }) }
    }
}

impl Drop for LogSink {
    /// Writes what is queued, as [`LogSink::close`] does, but tells nobody of errors.
    fn drop(&mut self) {
        self.sender = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

struct Writer {
    log: TraceLog,
    options: SinkOptions,
    batch: Vec<OwnedRow>,
    statistics: SinkStatistics,
}

impl Writer {
    fn run(mut self, receiver: &Receiver<Message>) -> Result<SinkStatistics> {
        let mut due: Option<Instant> = None;
        loop {
            let received = match due {
                Some(due) => receiver.recv_timeout(due.saturating_duration_since(Instant::now())),
                None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match received {
                Ok(Message::Row(row)) => {
                    self.batch.push(*row);
                    if self.batch.len() >= self.options.batch {
                        self.write()?;
                    } else if let (Interval::Every(interval), None) = (self.options.interval, due) {
                        due = Instant::now().checked_add(interval);
                    }
                }
                Ok(Message::Tick) | Err(RecvTimeoutError::Timeout) => self.write()?,
                Ok(Message::Flush(done)) => {
                    self.write()?;
                    // Anyone who asked may have given up waiting.
                    let _ = done.send(());
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.write()?;
                    return Ok(self.statistics);
                }
            }
            if self.batch.is_empty() {
                due = None;
            }
        }
    }

    fn write(&mut self) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = self.batch.iter().map(OwnedRow::as_row).collect();
        let outcome = self.log.insert_batch(&rows)?;
        self.statistics.inserted += outcome.inserted as u64;
        self.statistics.pruned += outcome.pruned as u64;
        self.statistics.batches += 1;
        self.batch.clear();
        Ok(())
    }
}
