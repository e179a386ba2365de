#include "server/runs/class_tallies.h"

#include <algorithm>
#include <cmath>

namespace lossd::runs {
namespace {

double Share(double part, double total) {
  return total == 0 || !std::isfinite(total) ? 0 : part / total;
}

void Append(const ClassTally& tally, ByteWriter& writer) {
  writer.Add(tally.loss);
  writer.Add(tally.gradient);
  writer.Add(tally.hard_count);
}

ClassTally ReadTally(ByteReader& reader) {
  ClassTally tally;
  tally.loss = reader.Read<double>();
  tally.gradient = reader.Read<double>();
  tally.hard_count = reader.Read<int64_t>();
  return tally;
}

}  // namespace

int64_t ClassTallies::MostEntries(int64_t class_count) {
  return class_count <= kMostTallies ? class_count : kMostTallies - 1;
}

int64_t ClassTallies::BytesOf(int64_t class_count) {
  return MostEntries(class_count) * static_cast<int64_t>(sizeof(Entry));
}

ClassTallies::ClassTallies(int64_t class_count)
    : most_entries_(static_cast<size_t>(MostEntries(class_count))) {
  entries_.reserve(most_entries_);
}

void ClassTallies::Add(int64_t class_id, const ClassTally& tally) {
  const auto entry =
      std::lower_bound(entries_.begin(), entries_.end(), class_id,
                       [](const Entry& one, int64_t id) { return one.class_id < id; });
  if (entry != entries_.end() && entry->class_id == class_id) {
    entry->tally += tally;
    return;
  }
  if (entries_.size() < most_entries_) {
    entries_.insert(entry, {class_id, tally});
    return;
  }
  has_rest_ = true;
  if (entry == entries_.end()) {
    rest_ += tally;
    return;
  }
  rest_ += entries_.back().tally;
  std::move_backward(entry, entries_.end() - 1, entries_.end());
  *entry = {class_id, tally};
}

void ClassTallies::Merge(const ClassTallies& other) {
  for (const Entry& entry : other.entries_) Add(entry.class_id, entry.tally);
  if (!other.has_rest_) return;
  has_rest_ = true;
  rest_ += other.rest_;
}

void ClassTallies::AppendTo(ByteWriter& writer) const {
  writer.Add(static_cast<uint64_t>(entries_.size()));
  for (const Entry& entry : entries_) {
    writer.Add(entry.class_id);
    Append(entry.tally, writer);
  }
  writer.Add(static_cast<uint8_t>(has_rest_));
  Append(rest_, writer);
}

bool ClassTallies::ReadFrom(ByteReader& reader) {
  const auto count = reader.Read<uint64_t>();
  if (count > most_entries_) return false;
  entries_.resize(static_cast<size_t>(count));
  for (Entry& entry : entries_) {
    entry.class_id = reader.Read<int64_t>();
    entry.tally = ReadTally(reader);
  }
  has_rest_ = reader.Read<uint8_t>() != 0;
  rest_ = ReadTally(reader);
  return reader.ok();
}

std::vector<ClassShare> ClassTallies::Shares() const {
  ClassTally total = rest_;
  for (const Entry& entry : entries_) total += entry.tally;
  std::vector<ClassShare> shares;
  shares.reserve(entries_.size() + 1);
  const auto add = [&](int64_t class_id, const ClassTally& tally) {
    shares.push_back({class_id, Share(tally.loss, total.loss),
                      Share(tally.gradient, total.gradient), tally.hard_count});
  };
  for (const Entry& entry : entries_) add(entry.class_id, entry.tally);
  if (has_rest_) add(-1, rest_);
  return shares;
}

}  // namespace lossd::runs
