#include "server/runs/sample_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "server/runs/presentation.h"

namespace lossd::runs {
namespace {

using ::testing::ElementsAreArray;

struct OrderCase {
  SampleOrder order;
  double (*key)(const RunSample& sample);
};

const OrderCase kOrders[] = {
    {SampleOrder::kHardest, [](const RunSample& s) { return s.mean_true_probability; }},
    {SampleOrder::kEasiest, [](const RunSample& s) { return -s.mean_true_probability; }},
    {SampleOrder::kMostForgotten,
     [](const RunSample& s) { return -static_cast<double>(s.forgetting_events); }},
    {SampleOrder::kMostVariable, [](const RunSample& s) { return -s.true_probability_deviation; }},
    {SampleOrder::kLowestMargin, [](const RunSample& s) { return s.mean_margin; }},
    {SampleOrder::kMostTurned,
     [](const RunSample& s) { return -static_cast<double>(s.turned_easy + s.turned_hard); }},
};

std::vector<SampleRecord> RandomRecords() {
  std::mt19937_64 random(11);
  std::vector<SampleRecord> records;
  for (int64_t id = 0; id < 500; ++id) {
    records.emplace_back(id);
    for (int i = 0; i < 6; ++i) {
      Presentation presentation;
      presentation.class_id = id % 3;
      presentation.true_probability = static_cast<double>(random() % 4) / 4;
      presentation.margin = static_cast<double>(random() % 5);
      presentation.correct = random() % 2 == 0;
      records.back().Add(presentation, i, 0.5);
    }
  }
  std::shuffle(records.begin(), records.end(), random);
  return records;
}

// Returns the ids of all pages, one after the other.
std::vector<int64_t> ReadPages(const std::vector<SampleRecord>& records, SampleQuery query) {
  std::vector<int64_t> ids;
  do {
    SampleSelection selection(query);
    for (const SampleRecord& record : records) selection.Show(record);
    const SamplePage page = selection.TakePage();
    EXPECT_LE(static_cast<int64_t>(page.samples.size()), query.limit);
    for (const RunSample& sample : page.samples) ids.push_back(sample.id);
    query.after = page.next;
  } while (query.after);
  return ids;
}

TEST(SampleOrderTest, PagesAreWhatSortingGives) {
  const std::vector<SampleRecord> records = RandomRecords();
  for (const auto& [order, key] : kOrders) {
    std::vector<RunSample> sorted;
    for (const SampleRecord& record : records) sorted.push_back(record.ToSample());
    std::sort(sorted.begin(), sorted.end(), [key = key](const RunSample& a, const RunSample& b) {
      return key(a) != key(b) ? key(a) < key(b) : a.id < b.id;
    });
    std::vector<int64_t> expected;
    for (const RunSample& sample : sorted) expected.push_back(sample.id);
    for (const int64_t limit : {1, 7, 250, 1000}) {
      SampleQuery query;
      query.order = order;
      query.limit = limit;
      EXPECT_THAT(ReadPages(records, query), ElementsAreArray(expected));
    }
  }
}

TEST(SampleOrderTest, OneClassAlone) {
  SampleQuery query;
  query.class_id = 1;
  query.limit = 50;
  const std::vector<int64_t> ids = ReadPages(RandomRecords(), query);
  EXPECT_EQ(ids.size(), 167);
  for (const int64_t id : ids) EXPECT_EQ(id % 3, 1);
}

}  // namespace
}  // namespace lossd::runs
