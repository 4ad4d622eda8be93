#![args()]
