//! The best instructions that the processor at hand has.

/// Does what `work` does, compiled a second time for processors with AVX2 and BMI2: wider vectors, and shifts by a
/// variable that cost half. Whatever `work` calls must be inlined into it.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
#[inline(always)]
pub(crate) fn with_best_instructions<R>(work: impl FnOnce() -> R) -> R {
    match fearless_simd::Level::new().as_avx2() {
        Some(avx2) => fearless_simd::Simd::vectorize(avx2, work),
        None => work(),
    }
}

/// Does what `work` does.
#[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
#[inline(always)]
pub(crate) fn with_best_instructions<R>(work: impl FnOnce() -> R) -> R {
    work()
}
