#include "server/runs/sample_order.h"

#include <algorithm>
#include <utility>

namespace lossd::runs {
namespace {

double KeyOf(const SampleRecord& record, SampleOrder order) {
  switch (order) {
    case SampleOrder::kHardest:
      return record.mean_true_probability();
    case SampleOrder::kEasiest:
      return -record.mean_true_probability();
    case SampleOrder::kMostForgotten:
      return -static_cast<double>(record.forgetting_events());
    case SampleOrder::kMostVariable:
      return -record.true_probability_deviation();
    case SampleOrder::kLowestMargin:
      return record.mean_margin();
    case SampleOrder::kMostTurned:
      return -static_cast<double>(record.turns());
  }
  return 0;
}

}  // namespace

SampleSelection::SampleSelection(const SampleQuery& query)
    : query_(query), most_(static_cast<size_t>(query.limit) + 1) {}

void SampleSelection::Show(const SampleRecord& record) {
  if (query_.class_id && record.class_id() != *query_.class_id) return;
  const SamplePlace place = {KeyOf(record, query_.order), record.id()};
  if (last_ && *last_ < place) return;
  if (query_.after && !(*query_.after < place)) return;
  candidates_.push_back({place, record});
  if (candidates_.size() >= 2 * most_) KeepFirst();
}

void SampleSelection::KeepFirst() {
  const auto last = candidates_.begin() + static_cast<std::ptrdiff_t>(most_ - 1);
  std::nth_element(candidates_.begin(), last, candidates_.end());
  last_ = last->place;
  candidates_.erase(last + 1, candidates_.end());
}

SamplePage SampleSelection::TakePage() {
  std::sort(candidates_.begin(), candidates_.end());
  const size_t count = std::min(candidates_.size(), most_ - 1);
  SamplePage page;
  page.samples.reserve(count);
  for (size_t i = 0; i < count; ++i) page.samples.push_back(candidates_[i].record.ToSample());
  if (candidates_.size() > count) page.next = candidates_[count - 1].place;
  return page;
}

}  // namespace lossd::runs
