//! The schedules against torch's numbers (`tests/reference/schedulers.py`), and what they do with wrong ones.

mod reference;
mod settings;
mod state;
