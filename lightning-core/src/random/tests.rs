use std::collections::HashSet;

use burn::tensor::{Distribution, Tensor};

use super::*;

/// All threads of the test binary share the global seed and the generator of flex.
static ALONE: Mutex<()> = Mutex::new(());

/// The first outputs for seed 1234567, published with the reference implementation.
#[test]
fn the_published_outputs() {
    let mut rng = Rng::new(1_234_567);
    let outputs: Vec<u64> = (0..5).map(|_| rng.next_u64()).collect();
    assert_eq!(
        outputs,
        [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821
        ]
    );
}

#[test]
fn a_drawn_seed_gives_way_to_the_stored_one() {
    let mut differences = Vec::new();
    OWN.set(Some(Seed { seed: 7, inits: Arc::new(AtomicU64::new(3)), drawn: true }));
    assert_eq!((adopt_seed(8, &mut differences), global_seed()), (8, 8));
    assert!(differences.is_empty());
    OWN.set(Some(Seed { seed: 7, inits: Arc::default(), drawn: false }));
    assert_eq!((adopt_seed(8, &mut differences), global_seed()), (7, 7));
    assert_eq!(differences, ["the seed was 8 when the checkpoint was written and is 7 now"]);
}

#[test]
fn neighboring_arguments_give_different_seeds() {
    let streams = [
        Stream::Init,
        Stream::Dropout,
        Stream::Shuffle,
        Stream::Worker,
        Stream::Host,
        Stream::Split,
        Stream::Sample,
        Stream::Search,
    ];
    let mut seen = HashSet::new();
    for seed in 0..50 {
        for stream in streams {
            for a in 0..20 {
                for b in 0..20 {
                    assert!(seen.insert(derive_seed(seed, stream, a, b)), "{seed} {stream:?} {a} {b}");
                }
            }
        }
    }
}

/// Resuming depends on these numbers.
#[test]
fn derived_seeds_are_stable() {
    let expected = |words: [u64; 3]| {
        words.into_iter().fold(Rng::new(42).next_u64(), |hash, word| Rng::new(hash ^ word).next_u64())
    };
    assert_eq!(derive_seed(42, Stream::Shuffle, 1, 2), expected([3, 1, 2]));
    assert_eq!(derive_seed(42, Stream::Shuffle, 1, 2), 13_765_192_535_198_879_185);
}

#[test]
fn ranges_are_even_and_keep_their_bounds() {
    let mut rng = Rng::new(7);
    let mut counts = [0_u32; 7];
    for _ in 0..70_000 {
        counts[rng.random_range(3..10) - 3] += 1;
    }
    assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    assert_eq!(rng.random_range(4..4), 4);
    assert_eq!(rng.random_range(4..5), 4);
    assert!(rng.random_range(0..usize::MAX) < usize::MAX);
}

#[test]
fn uniform_and_normal_have_their_moments() {
    let mut rng = Rng::new(11);
    let n = 100_000;
    let mean = |draw: &mut dyn FnMut() -> f64| (0..n).map(|_| draw()).sum::<f64>() / f64::from(n);
    assert!((mean(&mut || rng.uniform()) - 0.5).abs() < 0.005);
    assert!(mean(&mut || rng.normal()).abs() < 0.02);
    assert!((mean(&mut || rng.normal().powi(2)) - 1.0).abs() < 0.03);
    assert!((mean(&mut || f64::from(u8::from(rng.random_bool(0.3)))) - 0.3).abs() < 0.01);
    assert!(!rng.random_bool(0.0) && rng.random_bool(1.0));
}

#[test]
fn every_order_of_three_is_equally_likely() {
    let mut rng = Rng::new(5);
    let mut counts = std::collections::HashMap::new();
    for _ in 0..60_000 {
        *counts.entry(rng.permutation(3)).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 6);
    assert!(counts.values().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    assert!(rng.permutation(0).is_empty());
}

#[test]
fn a_stored_generator_goes_on() {
    let mut rng = Rng::derived(1, Stream::Host, 2, 3);
    rng.next_u64();
    let text = serde_json::to_string(&rng).unwrap();
    let mut restored: Rng = serde_json::from_str(&text).unwrap();
    assert_eq!(restored.next_u64(), rng.next_u64());
}

#[test]
fn models_differ_and_are_reproducible() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Device::default().autodiff();
    let weights = || {
        seed_init(&device);
        Tensor::<1>::random([8], Distribution::Default, &device).into_data()
    };
    seed_everything(42);
    let (first, second) = (weights(), weights());
    assert_ne!(first, second);
    seed_everything(42);
    assert_eq!((first, second), (weights(), weights()));
    assert_eq!(global_seed(), 42);
}

/// A thread that has set no seed counts together with the one that chose it.
#[test]
fn models_of_several_threads_have_different_seeds() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Device::default();
    let draw = || (0..100).map(|_| Build::next(&device).seed(Draws::Weights)).collect::<Vec<_>>();
    seed_everything(0x5eed_7e57);
    let expected: HashSet<u64> = (0..5).flat_map(|_| draw()).collect();
    assert_eq!(expected.len(), 500);
    // Another test may choose a seed meanwhile.
    let found = (0..100).any(|_| {
        seed_everything(0x5eed_7e57);
        let found: HashSet<u64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(draw)).collect();
            let own = draw();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).chain(own).collect()
        });
        found == expected
    });
    assert!(found, "other tests chose a seed in each of 100 rounds");
}

/// The seeds of one model, and those of the models before and after it, are different.
#[test]
fn a_model_draws_with_seeds_of_its_own() {
    let draws = [Draws::Init, Draws::Weights, Draws::After(1), Draws::After(2)];
    let build = |number| Build { device: Device::default(), seed: 42, number, inner: 0 };
    let seeds: HashSet<u64> = (0..50).flat_map(|number| draws.map(|draws| build(number).seed(draws))).collect();
    assert_eq!(seeds.len(), 200);
    // Those of version 0.1, and of parameters that `fit` draws.
    assert_eq!(build(3).seed(Draws::Init), derive_seed(42, Stream::Init, 3, 0));
    assert_eq!(build(0).seed(Draws::Weights), derive_seed(42, Stream::Init, u64::MAX, 0));
}

/// What a model draws does not depend on the models in it, and a panic ends a model.
#[test]
fn building_nests_and_survives_a_panic() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Device::default();
    let random = || Tensor::<1>::random([4], Distribution::Default, &device).into_data();
    let inner = || building(&device, random, |init, draws| (init, draws.then(random)));
    seed_everything(42);
    let (before, (first, second), after) = building(
        &device,
        || (random(), (inner(), inner()), random()),
        |all, draws| {
            assert!(draws);
            all
        },
    );
    let drawn = [&before, &first.0, first.1.as_ref().unwrap(), &second.0, second.1.as_ref().unwrap(), &after];
    for (at, one) in drawn.iter().enumerate() {
        assert!(drawn[at + 1..].iter().all(|other| other != one), "the values {at} are there again");
    }
    let panicked = std::panic::catch_unwind(|| building(&Device::default(), || panic!("in `init`"), |(), _| ()));
    assert!(panicked.is_err() && BUILD.with_borrow(Option::is_none));
    let loaded = building_for_loading(|| building(&device, || (), |(), draws| draws));
    assert!(!loaded && !LOADING.get());
    // Numbers 0, 1 and 2, the one of the panic, and none of the one that was loaded.
    assert_eq!(Build::next(&device).number, 4);
}

#[test]
fn a_drawn_seed_stays() {
    // On a thread that has set none.
    let (one, other) = std::thread::spawn(|| (global_seed(), global_seed())).join().unwrap();
    assert_eq!(one, other);
    assert_ne!(draw_seed(), draw_seed());
}

#[test]
fn a_thread_has_a_seed_of_its_own() {
    seed_everything(5);
    let other = std::thread::spawn(|| {
        seed_everything(6);
        global_seed()
    });
    assert_eq!(other.join().unwrap(), 6);
    assert_eq!(global_seed(), 5);
}
