// Convolutions as products modulo z^N - i, without zeros: the right-angle convolution.
//
// Real sequences of up to N entries are polynomials in z. Their product modulo z^N - i has entry n of their linear
// convolution in its real part and entry n + N in its imaginary part, since z^N = i there. A complex transform of N
// points, the values at the N roots of z^N = i, so does what a real one of 2N does. A tap at lag -j is z^-j =
// -i z^(N-j), and the spectrum of a real sequence turned round in time is the conjugate one.
//
// The transform divides again and again: z^S - c = product of z^(S/4) - r i^j with r^4 = c, and the remainders modulo
// those are a_0 + a_1 r i^j + ... of the four quarters a. The factors r belong to a node of this tree and not to a
// position, so they stay in registers, and nothing is reordered: the values lie in the order of the tree.
#pragma once

#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "lanes.h"

template <class Wide>
struct Complex {
    Vector<Wide> re, im;
};

template <class Wide>
class RightAngle {
public:
    using V = Vector<Wide>;
    using C = Complex<Wide>;
    static constexpr int SMALL = 64;  // points whose transforms stay in the first-level cache

    int64_t points;  // N = parts 4^levels

    // The plan for sequences of up to `length` entries, made once for all that take the same number of points.
    static const RightAngle& of(int64_t length) {
        int levels = 0;
        int64_t whole = 1;
        while (whole * 16 <= length || whole * 14 < length) whole *= 4, ++levels;
        int parts = 4;
        for (int choice : {5, 6, 7, 8, 10, 12, 14})
            if (whole * parts < length) parts = choice;
        static std::mutex mutex;
        static std::map<int64_t, std::unique_ptr<RightAngle>> plans;
        std::lock_guard<std::mutex> guard(mutex);
        std::unique_ptr<RightAngle>& plan = plans[whole * parts];
        if (!plan) plan.reset(new RightAngle(parts, levels, whole));
        return *plan;
    }

    // The first division, into `parts`, of a real sequence of `points` entries; turned: of i times that sequence, added
    // to what is there.
    void split(const V* in, C* out) const {
        with_parts([&](auto parts) { split_into<parts(), false>(in, out, divide.data()); });
    }
    void add_turned_split(const V* in, C* out) const {
        with_parts([&](auto parts) { split_into<parts(), true>(in, out, divide_turned.data()); });
    }

    // Undoes the first division: the real parts of all entries, or the imaginary ones.
    void join(const C* in, V* out) const {
        with_parts([&](auto parts) { join_from<parts()>(in, out, unite.data()); });
    }
    void join_imaginary(const C* in, V* out) const {
        with_parts([&](auto parts) { join_from<parts()>(in, out, unite_turned.data()); });
    }

    // The other divisions, and the way back to where `join` begins.
    void down(C* x) const {
        through(x, nullptr, [](int64_t, int64_t) {});
    }
    void up(C* x) const {
        through(nullptr, x, [](int64_t, int64_t) {});
    }

    // The divisions of `down`, then visit(first, count) of finished values, then the way back of `up`, all of it piece
    // by piece, so that a piece stays in the cache. Either array may be null.
    template <class Visit>
    void through(C* down, C* up, Visit visit) const {
        for (int64_t part = 0; part < parts; ++part) node(down, up, 0, part, part * whole, whole, visit);
    }

private:
    int parts, levels;
    int64_t whole;  // entries of a part
    std::vector<Wide> divide, divide_turned, unite, unite_turned;  // (parts, parts, 2)
    std::vector<std::vector<Wide>> factors;                        // of each level: (nodes, 3, 2), r, r^2 and r^3

    RightAngle(int parts, int levels, int64_t whole) : points(whole * parts), parts(parts), levels(levels), whole(whole) {
        std::vector<double> angles(parts);  // of z^S = c, in turns
        for (int j = 0; j < parts; ++j) angles[j] = (0.25 + j) / parts;
        for (int row = 0; row < parts; ++row)
            for (int column = 0; column < parts; ++column) {
                push(divide, angles[row] * column, 1);
                push(divide_turned, angles[row] * column + 0.25, 1);
                push(unite, angles[column] * row, 1.0 / points);
                push(unite_turned, angles[column] * row + 0.25, 1.0 / points);
            }
        for (int level = 0; level < levels; ++level) {
            std::vector<double> next;
            factors.emplace_back();
            for (double angle : angles) {
                for (int power = 1; power < 4; ++power) push(factors.back(), angle / 4 * power, 1);
                for (int j = 0; j < 4; ++j) next.push_back((angle + j) / 4);
            }
            angles = next;
        }
    }

    static void push(std::vector<Wide>& to, double turns, double scale) {
        double angle = 2 * M_PI * (turns - std::floor(turns));
        to.push_back(Wide(scale * std::cos(angle)));
        to.push_back(Wide(scale * std::sin(angle)));
    }

    template <class Run>
    void with_parts(Run run) const {
        switch (parts) {
            case 4: return run(std::integral_constant<int, 4>());
            case 5: return run(std::integral_constant<int, 5>());
            case 6: return run(std::integral_constant<int, 6>());
            case 7: return run(std::integral_constant<int, 7>());
            case 8: return run(std::integral_constant<int, 8>());
            case 10: return run(std::integral_constant<int, 10>());
            case 12: return run(std::integral_constant<int, 12>());
            default: return run(std::integral_constant<int, 14>());
        }
    }

    template <int P, bool Add>
    void split_into(const V* in, C* out, const Wide* factor) const {
        for (int64_t n = 0; n < whole; ++n) {
            V x[P];
            for (int m = 0; m < P; ++m) x[m] = in[n + m * whole];
            for (int j = 0; j < P; ++j) {
                V re = x[0] * factor[2 * P * j], im = x[0] * factor[2 * P * j + 1];
                for (int m = 1; m < P; ++m) {
                    re += x[m] * factor[2 * (P * j + m)];
                    im += x[m] * factor[2 * (P * j + m) + 1];
                }
                C* to = out + j * whole + n;
                *to = Add ? C{to->re + re, to->im + im} : C{re, im};
            }
        }
    }

    // The factors' conjugates are meant: the real part of conj(f) x is f.re x.re + f.im x.im.
    template <int P>
    void join_from(const C* in, V* out, const Wide* factor) const {
        for (int64_t n = 0; n < whole; ++n) {
            C x[P];
            for (int j = 0; j < P; ++j) x[j] = in[j * whole + n];
            for (int m = 0; m < P; ++m) {
                V sum = {};
                for (int j = 0; j < P; ++j) {
                    const Wide* f = factor + 2 * (P * m + j);
                    sum += x[j].re * f[0] + x[j].im * f[1];
                }
                out[n + m * whole] = sum;
            }
        }
    }

    template <class Visit>
    void node(C* down, C* up, int level, int64_t index, int64_t first, int64_t size, Visit& visit) const {
        if (size <= SMALL) return small(down, up, level, index, first, size, visit);
        const Wide* factor = factors[level].data() + 6 * index;
        if (down) divide_node(down + first, size / 4, factor);
        for (int j = 0; j < 4; ++j) node(down, up, level + 1, 4 * index + j, first + j * (size / 4), size / 4, visit);
        if (up) unite_node(up + first, size / 4, factor);
    }

    template <class Visit>
    void small(C* down, C* up, int level, int64_t index, int64_t first, int64_t size, Visit& visit) const {
        int64_t nodes = 1, quarter = size / 4;
        int at = level;
        for (; quarter > 0; ++at, nodes *= 4, quarter /= 4)
            if (down) every_node<true>(down + first, nodes, quarter, factors[at].data() + 6 * index * nodes);
        visit(first, size);
        if (!up) return;
        for (nodes /= 4, quarter = 1; --at >= level; nodes /= 4, quarter *= 4)
            every_node<false>(up + first, nodes, quarter, factors[at].data() + 6 * index * nodes);
    }

    template <bool Down>
    static void every_node(C* x, int64_t nodes, int64_t quarter, const Wide* factor) {
        if (quarter == 1) {  // a loop of its own: the compiler sees that every node is one butterfly
            for (int64_t i = 0; i < nodes; ++i)
                Down ? divide_node(x + 4 * i, 1, factor + 6 * i) : unite_node(x + 4 * i, 1, factor + 6 * i);
            return;
        }
        for (int64_t i = 0; i < nodes; ++i) {
            C* own = x + 4 * quarter * i;
            Down ? divide_node(own, quarter, factor + 6 * i) : unite_node(own, quarter, factor + 6 * i);
        }
    }

    static inline C times(C a, Wide re, Wide im) { return {a.re * re - a.im * im, a.re * im + a.im * re}; }

    static inline __attribute__((always_inline)) void divide_node(C* x, int64_t quarter, const Wide* f) {
        for (int64_t n = 0; n < quarter; ++n) {
            C a = x[n], b = times(x[n + quarter], f[0], f[1]);
            C c = times(x[n + 2 * quarter], f[2], f[3]), d = times(x[n + 3 * quarter], f[4], f[5]);
            C s = {a.re + c.re, a.im + c.im}, t = {a.re - c.re, a.im - c.im};
            C u = {b.re + d.re, b.im + d.im}, v = {b.re - d.re, b.im - d.im};
            x[n] = {s.re + u.re, s.im + u.im};
            x[n + quarter] = {t.re - v.im, t.im + v.re};
            x[n + 2 * quarter] = {s.re - u.re, s.im - u.im};
            x[n + 3 * quarter] = {t.re + v.im, t.im - v.re};
        }
    }

    static inline __attribute__((always_inline)) void unite_node(C* x, int64_t quarter, const Wide* f) {
        for (int64_t n = 0; n < quarter; ++n) {
            C a = x[n], b = x[n + quarter], c = x[n + 2 * quarter], d = x[n + 3 * quarter];
            C s = {a.re + c.re, a.im + c.im}, t = {a.re - c.re, a.im - c.im};
            C u = {b.re + d.re, b.im + d.im}, v = {b.re - d.re, b.im - d.im};
            x[n] = {s.re + u.re, s.im + u.im};
            x[n + quarter] = times({t.re + v.im, t.im - v.re}, f[0], -f[1]);
            x[n + 2 * quarter] = times({s.re - u.re, s.im - u.im}, f[2], -f[3]);
            x[n + 3 * quarter] = times({t.re - v.im, t.im + v.re}, f[4], -f[5]);
        }
    }
};

template <class Wide>
inline Complex<Wide> operator*(Complex<Wide> a, Complex<Wide> b) {
    return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

// a times the conjugate of b.
template <class Wide>
inline Complex<Wide> against(Complex<Wide> a, Complex<Wide> b) {
    return {a.re * b.re + a.im * b.im, a.im * b.re - a.re * b.im};
}

template <class Wide>
inline Complex<Wide> operator+(Complex<Wide> a, Complex<Wide> b) {
    return {a.re + b.re, a.im + b.im};
}

// out = x h, once x is transformed, and back.
template <class Wide>
void convolve(const RightAngle<Wide>& plan, Complex<Wide>* x, const Complex<Wide>* h, Complex<Wide>* out) {
    plan.through(x, out, [=](int64_t first, int64_t count) {
        for (int64_t i = first; i < first + count; ++i) out[i] = x[i] * h[i];
    });
}

// Once the gradient g is transformed: sum += g conj(x), where it is not begun, and g <- g conj(h), and g back.
template <class Wide>
void convolve_back(const RightAngle<Wide>& plan, Complex<Wide>* g, const Complex<Wide>* x, const Complex<Wide>* h,
                   Complex<Wide>* sum, bool begin) {
    plan.through(g, g, [=](int64_t first, int64_t count) {
        for (int64_t i = first; i < first + count; ++i) {
            Complex<Wide> product = against(g[i], x[i]);
            sum[i] = begin ? product : sum[i] + product;
            g[i] = against(g[i], h[i]);
        }
    });
}
