// One position of the matrix LSTM: the memory of each head is read and written once, and answers on the way.
//
// q, k (batch, heads, keys), v (batch, heads, values) and the gates (batch, heads) lie `stride` entries a row apart;
// h (batch, heads, values); c (batch, heads, keys, values), n (batch, heads, keys) and m (batch, heads) are renewed in
// place. One head of one row is a task that nobody else touches.
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "lanes.h"

namespace {

constexpr int COUNT = Lanes<float>::count;
constexpr int SIDE = 4;  // vectors side by side
constexpr int64_t LEAST = 1 << 14;  // entries of the memory below which a second thread would cost more than it saves

struct Sizes {
    int64_t batch, heads, keys, values, q_stride, k_stride, v_stride, gate_stride, stabilised, normalised;
    double eps;
};

float log_sigmoid(float x) { return std::min(x, 0.0f) - std::log1p(std::exp(-std::abs(x))); }

// Some columns of a memory, in vectors of `lanes` entries side by side, so that lines of the cache are read whole.
template <int BLOCKS, class Stored>
void renew(const Stored* query, const Stored* key, const Stored* value, float kept, float written, float scale,
           float divisor, float* column, float* h, const Sizes& s, int lanes) {
    Vector<float> in[BLOCKS], answer[BLOCKS] = {};
    for (int b = 0; b < BLOCKS; ++b) in[b] = written * load<float>(value + b * COUNT, lanes);
    for (int64_t i = 0; i < s.keys; ++i, column += s.values)
        for (int b = 0; b < BLOCKS; ++b) {
            const Vector<float> entry = kept * load<float>(column + b * COUNT, lanes) + widened(key[i]) * in[b];
            store<float>(column + b * COUNT, entry, lanes);
            answer[b] += scale * widened(query[i]) * entry;
        }
    for (int b = 0; b < BLOCKS; ++b) store<float>(h + b * COUNT, answer[b] / divisor, lanes);
}

template <class Stored>
void step(const Stored* q, const Stored* k, const Stored* v, const float* input_gate, const float* forget_gate,
          float* h, float* c, float* n, float* m, const Sizes& s, int64_t threads) {
    const int64_t tasks = s.batch * s.heads;
    const float scale = 1 / std::sqrt(float(s.keys));
#pragma omp parallel for num_threads(threads) if (threads > 1 && tasks * s.keys * s.values >= LEAST)
    for (int64_t task = 0; task < tasks; ++task) {
        const int64_t row = task / s.heads, head = task % s.heads;
        const Stored* query = q + row * s.q_stride + head * s.keys;
        const Stored* key = k + row * s.k_stride + head * s.keys;
        const Stored* value = v + row * s.v_stride + head * s.values;
        float kept = log_sigmoid(forget_gate[row * s.gate_stride + head]);
        float written = input_gate[row * s.gate_stride + head];
        if (s.stabilised) {
            const float before = kept + m[task];
            m[task] = std::max(before, written);
            kept = before - m[task];
            written -= m[task];
        } else {
            written = log_sigmoid(written);
        }
        kept = std::exp(kept);
        written = std::exp(written);
        float* norms = n + task * s.keys;
        float total = 0;
        for (int64_t i = 0; i < s.keys; ++i) {
            norms[i] = kept * norms[i] + written * widened(key[i]);
            total += scale * widened(query[i]) * norms[i];
        }
        float divisor = 1;
        if (s.stabilised)
            divisor = std::max(std::abs(total), std::exp(-m[task])) + float(s.eps);
        else if (s.normalised)
            divisor = std::max(std::abs(total), 1.0f);
        float* memory = c + task * s.keys * s.values;
        float* heads = h + task * s.values;
        const auto columns = [&](auto blocks, int64_t first, int lanes) {
            renew<blocks()>(query, key, value + first, kept, written, scale, divisor, memory + first, heads + first, s,
                            lanes);
        };
        int64_t first = 0;
        for (; first + SIDE * COUNT <= s.values; first += SIDE * COUNT)
            columns(std::integral_constant<int, SIDE>(), first, COUNT);
        for (; first < s.values; first += COUNT)
            columns(std::integral_constant<int, 1>(), first, int(std::min<int64_t>(s.values - first, COUNT)));
    }
}

}  // namespace

#define EXPORT(NAME, STORED)                                                                                          \
    extern "C" void step_##NAME(const STORED* q, const STORED* k, const STORED* v, const float* input_gate,           \
                                const float* forget_gate, float* h, float* c, float* n, float* m, int64_t batch,      \
                                int64_t heads, int64_t keys, int64_t values, int64_t q_stride, int64_t k_stride,      \
                                int64_t v_stride, int64_t gate_stride, int64_t stabilised, int64_t normalised,        \
                                double eps, int64_t threads) {                                                        \
        step(q, k, v, input_gate, forget_gate, h, c, n, m,                                                            \
             Sizes{batch, heads, keys, values, q_stride, k_stride, v_stride, gate_stride, stabilised, normalised,     \
                   eps},                                                                                              \
             threads);                                                                                                \
    }

EXPORT(float32, float)
EXPORT(bfloat16, bfloat16)
