#ifndef LOSSD_TESTS_ORACLE_CLOSE_H_
#define LOSSD_TESTS_ORACLE_CLOSE_H_

#include <cmath>
#include <string>

#include "gtest/gtest.h"
#include "tests/oracle/term.h"

namespace lossd::oracle {

// The answers are doubles computed in long double: half a unit in the last place, and a little.
inline void ExpectClose(Real actual, Real expected, const std::string& what) {
  EXPECT_LE(std::abs(actual - expected), 4e-16L * std::abs(expected))
      << what << ": " << actual << " instead of " << expected;
}

}  // namespace lossd::oracle

#endif  // LOSSD_TESTS_ORACLE_CLOSE_H_
