//! `LambdaCallback`.

use lightning_core::{callbacks::LambdaCallback, prelude::*};

use crate::support::{Ledger, Net, NetHparams, Rows, batches};

fn loader() -> DataLoader<Rows> {
    DataLoader::from_batches(batches(&[4; 2], 3)).unwrap()
}

#[test]
fn closures_run_at_their_hooks_in_order() {
    let ledger = Ledger::default();
    let (start, first, second, end) = (ledger.clone(), ledger.clone(), ledger.clone(), ledger.clone());
    let callback = LambdaCallback::new()
        .on_train_batch_end(move |cx, _| {
            first.add(format!("batch {}", cx.batch_idx()));
            Ok(())
        })
        .on_train_start(move |_, net: &mut Net| {
            start.add(format!("start, training {}", net.is_training()));
            Ok(())
        })
        .on_train_batch_end(move |_, _| {
            second.add("again");
            Ok(())
        })
        .teardown(move |cx, _| {
            end.add(format!("teardown of {}", cx.stage()));
            Ok(())
        });
    assert_eq!(
        format!("{callback:?}"),
        r#"{"on_train_batch_end", "on_train_start", "on_train_batch_end", "teardown"}"#
    );
    let mut trainer = Net::quiet().max_epochs(1).callback(callback).build().unwrap();
    trainer.fit(&mut Net::new(NetHparams::default()), (loader(), loader())).unwrap();
    assert_eq!(ledger.take(), ["start, training true", "batch 0", "again", "batch 1", "again", "teardown of fit"]);
}

#[test]
fn an_error_of_a_closure_ends_the_run_with_its_place() {
    let callback = LambdaCallback::new()
        .on_train_batch_start(|cx, _| if cx.batch_idx() == 1 { Err("enough".into()) } else { Ok(()) });
    let mut trainer = Net::quiet().max_epochs(1).callback(callback).build().unwrap();
    let error = trainer.fit(&mut Net::new(NetHparams::default()), (loader(), loader())).unwrap_err().to_string();
    assert!(error.contains("enough") && error.contains("on_train_batch_start") && error.contains("batch 1"), "{error}");
}
