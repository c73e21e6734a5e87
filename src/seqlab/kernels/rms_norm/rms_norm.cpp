// The RMS norm and its gradient: x, y (rows, width), the weight (width) or null, the rows' factors 1 / rms.
#include <algorithm>
#include <cmath>

#include "lanes.h"

namespace {

// Call work(row) for every row, the rows shared out among `threads` in runs that follow from the sizes alone.
template <class Work>
void for_rows(int64_t rows, int64_t width, int64_t threads, Work work) {
    const int64_t pieces = std::max<int64_t>(1, std::min(threads, rows * width / (1 << 14)));
#pragma omp parallel for num_threads(pieces) schedule(static)
    for (int64_t row = 0; row < rows; ++row) work(row);
}

template <class Wide>
inline double total(Vector<Wide> x) {
    double sum = 0;
    for (int i = 0; i < Lanes<Wide>::count; ++i) sum += x[i];
    return sum;
}

// Call work(column, lanes) for every vector of a row.
template <class Wide, class Work>
inline void for_columns(int64_t width, Work work) {
    constexpr int64_t COUNT = Lanes<Wide>::count;
    for (int64_t k = 0; k < width; k += COUNT) work(k, int(std::min(COUNT, width - k)));
}

template <class Wide>
inline Vector<Wide> weighted(Vector<Wide> x, const Wide* weight, int64_t column, int lanes) {
    return weight ? x * load<Wide>(weight + column, lanes) : x;
}

// `factors` may be null.
template <class Wide, class Stored>
void forward(const Stored* xs, const Wide* weight, Stored* ys, Wide* factors, int64_t rows, int64_t width, double eps,
             int64_t threads) {
    for_rows(rows, width, threads, [=](int64_t row) {
        const Stored* x = xs + row * width;
        Stored* y = ys + row * width;
        Vector<Wide> squares = {};
        for_columns<Wide>(width, [&](int64_t k, int lanes) {
            const Vector<Wide> entry = load<Wide>(x + k, lanes);
            squares += entry * entry;
        });
        const Wide factor = Wide(1 / std::sqrt(total<Wide>(squares) / double(width) + eps));
        for_columns<Wide>(width, [&](int64_t k, int lanes) {
            store<Wide>(y + k, weighted<Wide>(factor * load<Wide>(x + k, lanes), weight, k, lanes), lanes);
        });
        if (factors) factors[row] = factor;
    });
}

// With h = grad . weight: grad_x = factor (h - x factor^2 mean(h x)).
template <class Wide, class Stored>
void backward(const Stored* xs, const Wide* weight, const Wide* factors, const Stored* grads, Stored* grad_xs,
              int64_t rows, int64_t width, int64_t threads) {
    for_rows(rows, width, threads, [=](int64_t row) {
        const Stored *x = xs + row * width, *grad = grads + row * width;
        Stored* grad_x = grad_xs + row * width;
        const Wide factor = factors[row];
        Vector<Wide> products = {};
        for_columns<Wide>(width, [&](int64_t k, int lanes) {
            products += weighted<Wide>(load<Wide>(grad + k, lanes), weight, k, lanes) * load<Wide>(x + k, lanes);
        });
        const Wide along = Wide(total<Wide>(products) / double(width)) * factor * factor;
        for_columns<Wide>(width, [&](int64_t k, int lanes) {
            const Vector<Wide> h = weighted<Wide>(load<Wide>(grad + k, lanes), weight, k, lanes);
            store<Wide>(grad_x + k, factor * (h - along * load<Wide>(x + k, lanes)), lanes);
        });
    });
}

// sums (pieces, width): of grad x factor over the rows of each piece, each of `piece` rows.
template <class Wide, class Stored>
void weight_sums(const Stored* xs, const Wide* factors, const Stored* grads, Wide* sums, int64_t rows, int64_t width,
                 int64_t piece, int64_t threads) {
    const int64_t pieces = (rows + piece - 1) / piece;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t number = 0; number < pieces; ++number) {
        Wide* own = sums + number * width;
        std::fill(own, own + width, Wide(0));
        for (int64_t row = number * piece; row < std::min((number + 1) * piece, rows); ++row)
            for_columns<Wide>(width, [&](int64_t k, int lanes) {
                const Vector<Wide> x = load<Wide>(xs + row * width + k, lanes) * factors[row];
                const Vector<Wide> product = load<Wide>(grads + row * width + k, lanes) * x;
                store<Wide>(own + k, load<Wide>(own + k, lanes) + product, lanes);
            });
    }
}

}  // namespace

#define EXPORT(NAME, WIDE, STORED)                                                                                    \
    extern "C" void forward_##NAME(const STORED* x, const WIDE* weight, STORED* y, WIDE* factors, int64_t rows,       \
                                   int64_t width, double eps, int64_t threads) {                                      \
        forward<WIDE, STORED>(x, weight, y, factors, rows, width, eps, threads);                                      \
    }                                                                                                                 \
    extern "C" void backward_##NAME(const STORED* x, const WIDE* weight, const WIDE* factors, const STORED* grad,     \
                                    STORED* grad_x, int64_t rows, int64_t width, int64_t threads) {                   \
        backward<WIDE, STORED>(x, weight, factors, grad, grad_x, rows, width, threads);                               \
    }                                                                                                                 \
    extern "C" void weight_sums_##NAME(const STORED* x, const WIDE* factors, const STORED* grad, WIDE* sums,          \
                                       int64_t rows, int64_t width, int64_t piece, int64_t threads) {                 \
        weight_sums<WIDE, STORED>(x, factors, grad, sums, rows, width, piece, threads);                               \
    }

EXPORT(float64, double, double)
EXPORT(float32, float, float)
EXPORT(bfloat16, float, bfloat16)
