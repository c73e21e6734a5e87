// The exponential function of a vector.
#pragma once

#include <cmath>

#include "lanes.h"

// To a rounding or two; 0 below the least normal number, and never above 1.6e38 in float. NaN stays NaN.
template <class Wide>
inline Vector<Wide> exponential(Vector<Wide> x) {
    if constexpr (std::is_same_v<Wide, float>) {
        typedef int32_t Whole __attribute__((vector_size(VECTOR_BYTES)));
        const Vector<float> highest = Vector<float>{} + 88.0f, lowest = Vector<float>{} - 87.3f;
        const auto too_low = x < lowest;
        x = x > highest ? highest : too_low ? lowest : x;
        // e^x = 2^n e^r with |r| <= ln(2) / 2; ln 2 in two parts, the polynomial is that of Cephes.
        const Vector<float> shift = Vector<float>{} + 12582912.0f;  // 1.5 2^23: adding it rounds to a whole number
        const Vector<float> n = (x * 1.44269504088896341f + shift) - shift;
        const Vector<float> r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
        Vector<float> sum = r * 1.9875691500e-4f + 1.3981999507e-3f;
        sum = sum * r + 8.3334519073e-3f;
        sum = sum * r + 4.1665795894e-2f;
        sum = sum * r + 1.6666665459e-1f;
        sum = sum * r + 5.0000001201e-1f;
        sum = sum * r * r + r + 1.0f;
        const Vector<float> power = (Vector<float>)((__builtin_convertvector(n, Whole) + 127) << 23);
        return too_low ? Vector<float>{} : sum * power;
    } else {
        for (int i = 0; i < Lanes<Wide>::count; ++i) x[i] = std::exp(x[i]);
        return x;
    }
}
