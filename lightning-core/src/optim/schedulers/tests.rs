//! The schedules compared with torch's (`tests/reference/schedulers.py`), and wrong settings.

mod reference;
mod settings;
mod state;
