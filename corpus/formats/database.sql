-- A trace database with one priority turn, as the tables of Codex stand.
CREATE TABLE logs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    ts INTEGER NOT NULL,
    ts_nanos INTEGER NOT NULL,
    level TEXT NOT NULL,
    target TEXT NOT NULL,
    feedback_log_body TEXT,
    module_path TEXT,
    file TEXT,
    line INTEGER,
    thread_id TEXT,
    process_uuid TEXT,
    estimated_bytes INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX idx_logs_ts ON logs(ts DESC, ts_nanos DESC, id DESC);
CREATE INDEX idx_logs_thread_id ON logs(thread_id);
CREATE INDEX idx_logs_thread_id_ts ON logs(thread_id, ts DESC, ts_nanos DESC, id DESC);
CREATE INDEX idx_logs_process_uuid_threadless_ts ON logs(process_uuid, ts DESC, ts_nanos DESC, id DESC)  WHERE thread_id IS NULL;
INSERT INTO logs (ts, ts_nanos, level, target, feedback_log_body, thread_id, process_uuid) VALUES
 (1770000000, 0, 'TRACE', 'log', 'hello', '01a1faad-0001-7000-8000-000000000001', 'p');
INSERT INTO logs (ts, ts_nanos, level, target, feedback_log_body, thread_id, process_uuid) VALUES
 (1770000001, 0, 'TRACE', 'codex_api::endpoint::responses_websocket', 'turn{turn.id=01a1faad-0001-7000-8000-000000000001}: websocket request: {"type":"response.create","service_tier":"priority","model":"gpt"}', '01a1faad-0001-7000-8000-000000000001', 'p');
INSERT INTO logs (ts, ts_nanos, level, target, feedback_log_body, thread_id, process_uuid) VALUES
 (1770000002, 0, 'TRACE', 'log', 'goodbye', '01a1faad-0001-7000-8000-000000000001', 'p');
