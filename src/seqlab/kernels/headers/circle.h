// The cosine and the sine of a vector.
#pragma once

#include <cmath>

#include "lanes.h"

template <class Wide>
struct OnCircle {
    Vector<Wide> cosine, sine;
};

// In float to a rounding or two of 1 for angles up to 8192; Cephes' reduction and polynomials. NaN stays NaN.
template <class Wide>
inline OnCircle<Wide> on_circle(Vector<Wide> x) {
    if constexpr (std::is_same_v<Wide, float>) {
        using V = Vector<float>;
        typedef int32_t Whole __attribute__((vector_size(VECTOR_BYTES)));
        const V shift = V{} + 12582912.0f;  // 1.5 2^23: adding it rounds to a whole number, which its last bits then are
        const V shifted = x * 0.636619772367581343f + shift;
        const V n = shifted - shift;
        const V r = ((x - n * 1.5703125f) - n * 4.837512969970703125e-4f) - n * 7.549789948768648e-8f;
        const V square = r * r;
        V odd = square * -1.9515295891e-4f + 8.3321608736e-3f;
        odd = (odd * square - 1.6666654611e-1f) * square * r + r;
        V even = square * 2.443315711809948e-5f - 1.388731625493765e-3f;
        even = (even * square + 4.166664568298827e-2f) * square * square + (1.0f - 0.5f * square);
        const Whole quarter = (Whole)shifted;
        const auto swapped = (quarter & 1) != 0;
        const Whole sine_sign = (quarter & 2) << 30, cosine_sign = ((quarter + 1) & 2) << 30;
        const V cosine = swapped ? odd : even, sine = swapped ? even : odd;
        return {(V)((Whole)cosine ^ cosine_sign), (V)((Whole)sine ^ sine_sign)};
    } else {
        OnCircle<Wide> both;
        for (int i = 0; i < Lanes<Wide>::count; ++i) both.cosine[i] = std::cos(x[i]), both.sine[i] = std::sin(x[i]);
        return both;
    }
}
