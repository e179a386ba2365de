#ifndef LOSSD_TESTS_SERVER_RUNS_JOURNAL_JOURNAL_CONTRACT_TEST_H_
#define LOSSD_TESTS_SERVER_RUNS_JOURNAL_JOURNAL_CONTRACT_TEST_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "server/runs/journal/run_journal.h"

namespace lossd::runs {

// Where a kind of journal keeps its runs. Each place is another, and empty at first.
class JournalPlace {
 public:
  virtual ~JournalPlace() = default;

  // Opens a journal, after that which was opened before is gone.
  virtual std::unique_ptr<RunJournal> Open(int64_t request_ids) = 0;
};

// What all kinds of journals have in common, beside what all stores have. The test program of each
// says for which.
class JournalContractTest
    : public testing::TestWithParam<std::function<std::unique_ptr<JournalPlace>()>> {
 protected:
  JournalContractTest() : place_(GetParam()()) {}

  const std::unique_ptr<JournalPlace> place_;
};

}  // namespace lossd::runs

#endif  // LOSSD_TESTS_SERVER_RUNS_JOURNAL_JOURNAL_CONTRACT_TEST_H_
