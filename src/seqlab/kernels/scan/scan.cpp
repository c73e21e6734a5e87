// The recurrence s_l = z_l s_{l-1} + u_l and its gradient, each in one pass over memory.
//
// Arrays are (batch, length, parts, features), contiguous: neighbouring features are one vector of the processor, and
// a part (real, imaginary) is a plane of them. Threads share out the rows of the batch and the features.

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace {

struct Sizes {
    int64_t batch, length, features;
};

// Calls work(row, begin, end) for every row of the batch and its features, in pieces for as many threads as given.
template <typename Work>
void share_out(Sizes sizes, int64_t threads, Work work) {
    const int64_t vectors = (sizes.features + 15) / 16;
    const int64_t pieces = sizes.batch >= threads ? 1 : std::min(vectors, threads);
    const int64_t width = (vectors + pieces - 1) / pieces * 16;
#pragma omp parallel for num_threads(threads)
    for (int64_t task = 0; task < sizes.batch * pieces; ++task) {
        const int64_t begin = std::min(task % pieces * width, sizes.features);
        work(task / pieces, begin, std::min(begin + width, sizes.features));
    }
}

// `In` parts of the input, `Parts` of the state; a constant decay is that of every position.
template <int In, int Parts, bool Constant, typename Real>
void forward(const Real* u, const Real* z, const Real* initial, Real* states, Sizes sizes, int64_t threads) {
    const int64_t f = sizes.features;
    share_out(sizes, threads, [=](int64_t row, int64_t begin, int64_t end) {
        const Real* before = initial + row * Parts * f;
        for (int64_t position = row * sizes.length; position < (row + 1) * sizes.length; ++position) {
            const Real* input = u + position * In * f;
            const Real* decay = Constant ? z : z + position * Parts * f;
            Real* state = states + position * Parts * f;
#pragma omp simd
            for (int64_t d = begin; d < end; ++d) {
                if constexpr (Parts == 1) {
                    state[d] = decay[d] * before[d] + input[d];
                } else {
                    const Real real = decay[d] * before[d] - decay[f + d] * before[f + d];
                    const Real imaginary = decay[d] * before[f + d] + decay[f + d] * before[d];
                    state[d] = real + input[d];
                    state[f + d] = In == 2 ? imaginary + input[f + d] : imaginary;
                }
            }
            before = state;
        }
    });
}

// From the last position to the first: `carried`, zero at the start, is the gradient of the state, then conj(z) times
// it, the share of the state before; at the end that of the initial one. A constant decay's gradient is summed over
// the positions of each row, in float64.
template <int In, int Parts, bool Constant, typename Real, typename Sum = std::conditional_t<Constant, double, Real>>
void backward(const Real* grad, const Real* z, const Real* initial, const Real* states, Real* grad_u, Sum* grad_z,
              Real* carried_rows, Sizes sizes, int64_t threads) {
    const int64_t f = sizes.features;
    share_out(sizes, threads, [=](int64_t row, int64_t begin, int64_t end) {
        Real* carried = carried_rows + row * Parts * f;
        for (int64_t position = (row + 1) * sizes.length; position-- > row * sizes.length;) {
            const Real* given = grad + position * Parts * f;
            const Real* decay = Constant ? z : z + position * Parts * f;
            const Real* before =
                position > row * sizes.length ? states + (position - 1) * Parts * f : initial + row * Parts * f;
            Real* to_u = grad_u + position * In * f;
            Sum* to_z = grad_z + (Constant ? row : position) * Parts * f;
#pragma omp simd
            for (int64_t d = begin; d < end; ++d) {
                if constexpr (Parts == 1) {
                    const Real g = carried[d] + given[d];
                    to_u[d] = g;
                    to_z[d] = (Constant ? to_z[d] : 0) + g * before[d];
                    carried[d] = decay[d] * g;
                } else {
                    const Real real = carried[d] + given[d], imaginary = carried[f + d] + given[f + d];
                    to_u[d] = real;
                    if constexpr (In == 2) to_u[f + d] = imaginary;
                    to_z[d] = (Constant ? to_z[d] : 0) + (real * before[d] + imaginary * before[f + d]);
                    to_z[f + d] = (Constant ? to_z[f + d] : 0) + (imaginary * before[d] - real * before[f + d]);
                    carried[d] = decay[d] * real + decay[f + d] * imaginary;
                    carried[f + d] = decay[d] * imaginary - decay[f + d] * real;
                }
            }
        }
    });
}

template <typename Real>
void choose_forward(const Real* u, const Real* z, const Real* initial, Real* states, Sizes sizes, int64_t in,
                    int64_t parts, bool constant, int64_t threads) {
    const auto run = [&](auto way) { way(u, z, initial, states, sizes, threads); };
    if (parts == 1) return constant ? run(forward<1, 1, true, Real>) : run(forward<1, 1, false, Real>);
    if (in == 1) return constant ? run(forward<1, 2, true, Real>) : run(forward<1, 2, false, Real>);
    return constant ? run(forward<2, 2, true, Real>) : run(forward<2, 2, false, Real>);
}

template <typename Real>
void choose_backward(const Real* grad, const Real* z, const Real* initial, const Real* states, Real* grad_u,
                     void* grad_z, Real* carried, Sizes sizes, int64_t in, int64_t parts, bool constant,
                     int64_t threads) {
    const auto run = [&](auto way, auto* to_z) {
        way(grad, z, initial, states, grad_u, to_z, carried, sizes, threads);
    };
    const auto summed = static_cast<double*>(grad_z);
    const auto each = static_cast<Real*>(grad_z);
    if (parts == 1) return constant ? run(backward<1, 1, true, Real>, summed) : run(backward<1, 1, false, Real>, each);
    if (in == 1) return constant ? run(backward<1, 2, true, Real>, summed) : run(backward<1, 2, false, Real>, each);
    return constant ? run(backward<2, 2, true, Real>, summed) : run(backward<2, 2, false, Real>, each);
}

}  // namespace

#define SCAN(NAME, Real)                                                                                                   \
    extern "C" void forward_##NAME(const Real* u, const Real* z, const Real* initial, Real* states, int64_t batch,   \
                                   int64_t length, int64_t features, int64_t in, int64_t parts, int64_t constant,    \
                                   int64_t threads) {                                                                \
        choose_forward(u, z, initial, states, {batch, length, features}, in, parts, constant != 0, threads);         \
    }                                                                                                                \
    extern "C" void backward_##NAME(const Real* grad, const Real* z, const Real* initial, const Real* states,        \
                                    Real* grad_u, void* grad_z, Real* carried, int64_t batch, int64_t length,        \
                                    int64_t features, int64_t in, int64_t parts, int64_t constant, int64_t threads) { \
        choose_backward(grad, z, initial, states, grad_u, grad_z, carried, {batch, length, features}, in, parts,     \
                        constant != 0, threads);                                                                     \
    }

SCAN(float32, float)
SCAN(float64, double)
