// The sigmoid and the hyperbolic tangent of a vector of floats; NaN stays NaN.
#pragma once

#include "exponential.h"

inline Vector<float> sigmoid(Vector<float> x) { return 1.0f / (1.0f + exponential<float>(-x)); }

// Near zero Cephes' polynomial for tanhf, else by the exponential function, with the sign put back.
inline Vector<float> hyperbolic_tangent(Vector<float> x) {
    using V = Vector<float>;
    const V size = x < 0 ? -x : x;
    const V square = x * x;
    V p = V{} - 5.70498872745e-3f;
    p = p * square + 2.06390887954e-2f;
    p = p * square - 5.37397155531e-2f;
    p = p * square + 1.33314422036e-1f;
    p = p * square - 3.33332819422e-1f;
    const V far = 1.0f - 2.0f / (1.0f + exponential<float>(2.0f * size));
    return size < 0.625f ? x + x * square * p : (x < 0 ? -far : far);
}
