// The scalar LSTM through time, forward and backward.
//
// Arrays are (batch, length, heads, .., units), contiguous. Memory mixes within a head only, so one head of one row is
// a task that nobody else touches, and threads share out the tasks.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "lanes.h"

namespace {

struct Sizes {
    int64_t batch, length, heads, units;
};

template <class Real>
constexpr int64_t BLOCK = 4 * Lanes<Real>::count;

template <class Real>
int64_t padded(int64_t entries) {
    return (entries + BLOCK<Real> - 1) / BLOCK<Real> * BLOCK<Real>;
}

// out_j += sum_i by_i matrix_ij; the rows have `width` entries, a whole number of blocks.
template <class Real>
void add_product(const Real* matrix, const Real* by, int64_t rows, int64_t width, Real* out) {
    constexpr int lanes = Lanes<Real>::count;
    for (int64_t first = 0; first < width; first += BLOCK<Real>) {
        Vector<Real> sums[4];
        for (int k = 0; k < 4; ++k) sums[k] = load<Real>(out + first + k * lanes);
        for (int64_t i = 0; i < rows; ++i)
            for (int k = 0; k < 4; ++k) sums[k] += by[i] * load<Real>(matrix + i * width + first + k * lanes);
        for (int k = 0; k < 4; ++k) store<Real>(out + first + k * lanes, sums[k]);
    }
}

template <class Real>
Real sigmoid(Real x) {
    return 1 / (1 + std::exp(-x));
}

template <class Real>
Real log_sigmoid(Real x) {
    return std::min(x, Real(0)) - std::log1p(std::exp(-std::abs(x)));
}

template <class Task>
void for_heads(Sizes s, int64_t threads, Task task) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < s.batch * s.heads; ++i) task(i / s.heads, i % s.heads);
}

// gates: exp(i - m'), exp(log sigmoid(f) + m - m'), tanh(z), sigmoid(o), sigmoid(-f).
template <class Real>
void forward(const Real* x, const Real* weight, const Real* y0, const Real* c0, const Real* n0, const Real* m0,
             const uint8_t* starts, Real* ys, Real* cs, Real* ns, Real* m_last, Real* gates, Sizes s,
             int64_t threads) {
    for_heads(s, threads, [=](int64_t row, int64_t head) {
        const int64_t units = s.units, width = padded<Real>(4 * units), own = (row * s.heads + head) * units;
        std::vector<Real> by_input(units * width), raw(width), y(y0 + own, y0 + own + units);
        std::vector<Real> c(c0 + own, c0 + own + units), n(n0 + own, n0 + own + units);
        Real* m = m_last + own;
        std::copy(m0 + own, m0 + own + units, m);
        for (int64_t out = 0; out < 4 * units; ++out)
            for (int64_t in = 0; in < units; ++in)
                by_input[in * width + out] = weight[(head * 4 * units + out) * units + in];
        for (int64_t t = row * s.length; t < (row + 1) * s.length; ++t) {
            const int64_t place = t * s.heads + head;
            if (starts != nullptr && starts[t])
                for (auto* part : {&y, &c, &n}) std::fill(part->begin(), part->end(), Real(0));
            std::copy(x + place * 4 * units, x + (place + 1) * 4 * units, raw.begin());
            add_product(by_input.data(), y.data(), units, width, raw.data());
            const Real *i = raw.data(), *f = i + units, *z = f + units, *o = z + units;
            Real* gate = gates + place * 5 * units;
            for (int64_t u = 0; u < units; ++u) {
                const bool empty = n[u] == 0;
                const Real old = log_sigmoid(f[u]) + m[u];
                m[u] = empty ? i[u] : std::max(i[u], old);
                const Real written = std::exp(i[u] - m[u]), kept = empty ? Real(0) : std::exp(old - m[u]);
                const Real value = std::tanh(z[u]), open = sigmoid(o[u]);
                c[u] = kept * c[u] + written * value;
                n[u] = kept * n[u] + written;
                y[u] = open * c[u] / n[u];
                gate[u] = written, gate[units + u] = kept, gate[2 * units + u] = value;
                gate[3 * units + u] = open, gate[4 * units + u] = sigmoid(-f[u]);
            }
            std::copy(y.begin(), y.end(), ys + place * units);
            std::copy(c.begin(), c.end(), cs + place * units);
            std::copy(n.begin(), n.end(), ns + place * units);
        }
    });
}

// grad_y, grad_c, grad_n, grad_m: on entry the gradients of the last memory, on return those of the first.
template <class Real>
void backward(const Real* grad_ys, const Real* weight, const Real* c0, const Real* n0, const uint8_t* starts,
              const Real* cs, const Real* ns, const Real* gates, Real* grad_x, Real* grad_y, Real* grad_c,
              Real* grad_n, Real* grad_m, Sizes s, int64_t threads) {
    for_heads(s, threads, [=](int64_t row, int64_t head) {
        const int64_t units = s.units, width = padded<Real>(units), own = (row * s.heads + head) * units;
        std::vector<Real> by_output(4 * units * width), back(width);
        for (int64_t out = 0; out < 4 * units; ++out)
            std::copy_n(weight + (head * 4 * units + out) * units, units, by_output.data() + out * width);
        Real *gy = grad_y + own, *gc = grad_c + own, *gn = grad_n + own, *gm = grad_m + own;
        for (int64_t t = (row + 1) * s.length; t-- > row * s.length;) {
            const int64_t place = t * s.heads + head;
            const bool first = t == row * s.length;
            const Real *c = cs + place * units, *n = ns + place * units, *gate = gates + place * 5 * units;
            const Real* c_before = first ? c0 + own : c - s.heads * units;
            const Real* n_before = first ? n0 + own : n - s.heads * units;
            const bool begins = starts != nullptr && starts[t];
            Real* raw = grad_x + place * 4 * units;
            for (int64_t u = 0; u < units; ++u) {
                const Real written = gate[u], kept = gate[units + u], value = gate[2 * units + u];
                const Real open = gate[3 * units + u], shut = gate[4 * units + u];
                const Real share = (gy[u] + grad_ys[place * units + u]) * open / n[u];
                const Real by_c = gc[u] + share, by_n = gn[u] - share * c[u] / n[u];
                const Real by_written = (by_c * value + by_n) * written;
                const Real by_kept = (by_c * c_before[u] + by_n * n_before[u]) * kept;
                // m' is whichever exponent was larger: that one's gate is 1.
                const Real by_m = gm[u] - by_written - by_kept, to_i = written >= kept ? by_m : Real(0);
                const Real to_old = by_kept + by_m - to_i;
                raw[u] = by_written + to_i;
                raw[units + u] = to_old * shut;
                raw[2 * units + u] = by_c * written * (1 - value * value);
                raw[3 * units + u] = share * c[u] * (1 - open);
                gc[u] = begins ? Real(0) : by_c * kept;
                gn[u] = begins ? Real(0) : by_n * kept;
                gm[u] = begins ? Real(0) : to_old;
            }
            std::fill(back.begin(), back.end(), Real(0));
            if (!begins) add_product(by_output.data(), raw, 4 * units, width, back.data());
            std::copy_n(back.data(), units, gy);
        }
    });
}

}  // namespace

#define SLSTM(Real, name)                                                                                            \
    extern "C" void forward_##name(const Real* x, const Real* weight, const Real* y0, const Real* c0, const Real* n0, \
                                   const Real* m0, const uint8_t* starts, Real* ys, Real* cs, Real* ns,              \
                                   Real* m_last, Real* gates, int64_t batch, int64_t length, int64_t heads,          \
                                   int64_t units, int64_t threads) {                                                 \
        forward(x, weight, y0, c0, n0, m0, starts, ys, cs, ns, m_last, gates, {batch, length, heads, units},         \
                threads);                                                                                            \
    }                                                                                                                \
    extern "C" void backward_##name(const Real* grad_ys, const Real* weight, const Real* c0, const Real* n0,         \
                                    const uint8_t* starts, const Real* cs, const Real* ns, const Real* gates,        \
                                    Real* grad_x, Real* grad_y, Real* grad_c, Real* grad_n, Real* grad_m,            \
                                    int64_t batch, int64_t length, int64_t heads, int64_t units, int64_t threads) {  \
        backward(grad_ys, weight, c0, n0, starts, cs, ns, gates, grad_x, grad_y, grad_c, grad_n, grad_m,             \
                 {batch, length, heads, units}, threads);                                                            \
    }

SLSTM(float, float32)
SLSTM(double, float64)
