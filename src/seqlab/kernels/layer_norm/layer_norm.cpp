// The layer norm and its gradient: x in groups of rows of `width` entries, wherever groups and rows begin; y and what
// belongs to it in one piece; of each row the mean and the factor 1 / sqrt(variance + eps).
#include <algorithm>
#include <cmath>

#include "lanes.h"

namespace {

template <class Stored>
struct Rows {
    const Stored* data;
    int64_t groups, rows, width, group, row;  // the last: from one to the next

    // Call work(row, its number) for every row, the groups shared out among `threads`.
    template <class Work>
    void each(int64_t threads, Work work) const {
        const int64_t pieces = std::max<int64_t>(1, std::min(threads, groups * rows * width / (1 << 14)));
#pragma omp parallel for num_threads(pieces) schedule(static)
        for (int64_t i = 0; i < groups; ++i)
            for (int64_t j = 0; j < rows; ++j) work(data + i * group + j * row, i * rows + j);
    }
};

// The mean of work(column, lanes) over the vectors of a row; lanes beyond are to be zero.
template <class Wide, class Work>
inline Wide mean_of(int64_t width, Work work) {
    constexpr int64_t COUNT = Lanes<Wide>::count;
    Vector<Wide> sums = {};
    for (int64_t k = 0; k < width; k += COUNT) sums += work(k, int(std::min(COUNT, width - k)));
    return summed<Wide>(sums) * (1 / Wide(width));
}

template <class Wide, class Stored>
void forward(const Rows<Stored>& xs, Stored* ys, Wide* moments, double eps, int64_t threads) {
    const int64_t width = xs.width;
    xs.each(threads, [=](const Stored* x, int64_t number) {
        const Wide mean = mean_of<Wide>(width, [=](int64_t k, int lanes) { return load<Wide>(x + k, lanes); });
        const Wide variance = mean_of<Wide>(width, [=](int64_t k, int lanes) {
            const Vector<Wide> entry = where<Wide>(lanes, load<Wide>(x + k, lanes) - mean, 0);
            return entry * entry;
        });
        const Wide factor = 1 / std::sqrt(variance + Wide(eps));
        for (int64_t k = 0; k < width; k += Lanes<Wide>::count) {
            const int lanes = int(std::min<int64_t>(Lanes<Wide>::count, width - k));
            store<Wide>(ys + number * width + k, factor * (load<Wide>(x + k, lanes) - mean), lanes);
        }
        moments[2 * number] = mean, moments[2 * number + 1] = factor;
    });
}

// With n = (x - mean) factor: grad_x = factor (grad - mean(grad) - n mean(grad n)).
template <class Wide, class Stored>
void backward(const Rows<Stored>& xs, const Wide* moments, const Stored* grads, Stored* grad_xs, int64_t threads) {
    const int64_t width = xs.width;
    xs.each(threads, [=](const Stored* x, int64_t number) {
        const Stored* grad = grads + number * width;
        const Wide mean = moments[2 * number], factor = moments[2 * number + 1];
        const Wide level = mean_of<Wide>(width, [=](int64_t k, int lanes) { return load<Wide>(grad + k, lanes); });
        const Wide products = mean_of<Wide>(width, [=](int64_t k, int lanes) {
            return load<Wide>(grad + k, lanes) * (load<Wide>(x + k, lanes) - mean);
        });
        const Wide along = products * factor * factor;
        for (int64_t k = 0; k < width; k += Lanes<Wide>::count) {
            const int lanes = int(std::min<int64_t>(Lanes<Wide>::count, width - k));
            const Vector<Wide> rest = load<Wide>(grad + k, lanes) - level - along * (load<Wide>(x + k, lanes) - mean);
            store<Wide>(grad_xs + number * width + k, factor * rest, lanes);
        }
    });
}

}  // namespace

#define EXPORT(NAME, WIDE, STORED)                                                                                    \
    extern "C" void forward_##NAME(const STORED* x, STORED* y, WIDE* moments, int64_t groups, int64_t rows,           \
                                   int64_t width, int64_t group, int64_t row, double eps, int64_t threads) {          \
        forward<WIDE, STORED>({x, groups, rows, width, group, row}, y, moments, eps, threads);                        \
    }                                                                                                                 \
    extern "C" void backward_##NAME(const STORED* x, const WIDE* moments, const STORED* grad, STORED* grad_x,         \
                                    int64_t groups, int64_t rows, int64_t width, int64_t group, int64_t row,          \
                                    int64_t threads) {                                                                \
        backward<WIDE, STORED>({x, groups, rows, width, group, row}, moments, grad, grad_x, threads);                 \
    }

EXPORT(float64, double, double)
EXPORT(float32, float, float)
EXPORT(bfloat16, float, bfloat16)
