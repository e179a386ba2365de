#include "server/runs/run_curve.h"

#include <algorithm>
#include <utility>

namespace lossd::runs {

void RunCurve::Bin::Merge(const Bin& other) {
  if (!other.has_steps) return;
  first_step = has_steps ? std::min(first_step, other.first_step) : other.first_step;
  last_step = has_steps ? std::max(last_step, other.last_step) : other.last_step;
  has_steps = true;
  if (other.learning_rate && (!learning_rate || other.learning_rate_step >= learning_rate_step)) {
    learning_rate = other.learning_rate;
    learning_rate_step = other.learning_rate_step;
  }
  turns.Merge(other.turns);
  classes.Merge(other.classes);
}

void RunCurve::Bin::AppendTo(ByteWriter& writer) const {
  writer.Add(first_step);
  writer.Add(last_step);
  writer.Add(static_cast<uint8_t>(learning_rate.has_value()));
  writer.Add(learning_rate.value_or(0));
  writer.Add(learning_rate_step);
  turns.AppendTo(writer);
  classes.AppendTo(writer);
}

bool RunCurve::Bin::ReadFrom(ByteReader& reader) {
  has_steps = true;
  first_step = reader.Read<int64_t>();
  last_step = reader.Read<int64_t>();
  const bool has_rate = reader.Read<uint8_t>() != 0;
  const auto rate = reader.Read<double>();
  if (has_rate) learning_rate = rate;
  learning_rate_step = reader.Read<int64_t>();
  turns = TurnTally::Read(reader);
  return classes.ReadFrom(reader);
}

void RunCurve::AppendTo(ByteWriter& writer) const {
  uint64_t count = 0;
  for (const auto& [place, bin] : bins_) count += bin.has_steps ? 1 : 0;
  writer.Add(static_cast<int32_t>(log2_steps_));
  writer.Add(count);
  for (const auto& [place, bin] : bins_) {
    if (!bin.has_steps) continue;
    writer.Add(place);
    bin.AppendTo(writer);
  }
}

bool RunCurve::ReadFrom(ByteReader& reader) {
  bins_.clear();
  log2_steps_ = reader.Read<int32_t>();
  const auto count = reader.Read<uint64_t>();
  constexpr int kMostLog2 = 63;
  if (log2_steps_ < 0 || log2_steps_ > kMostLog2 || count > kMostPoints) return false;
  for (uint64_t i = 0; i < count; ++i) {
    const auto place = reader.Read<int64_t>();
    if (!bins_.try_emplace(place, class_count_).first->second.ReadFrom(reader)) return false;
  }
  return reader.ok();
}

int64_t RunCurve::BytesOfBin() const {
  constexpr int64_t kMapNode = 64;
  return kMapNode + static_cast<int64_t>(sizeof(Bin)) + ClassTallies::BytesOf(class_count_);
}

int RunCurve::Merge(Bins& bins, int log2_steps, int64_t most) {
  while (static_cast<int64_t>(bins.size()) > most) {
    ++log2_steps;
    // Bins 2i and 2i + 1 become bin i, without memory for another one.
    Bins halved;
    while (!bins.empty()) {
      auto node = bins.extract(bins.begin());
      node.key() /= 2;
      if (!halved.empty() && halved.rbegin()->first == node.key()) {
        halved.rbegin()->second.Merge(node.mapped());
      } else {
        halved.insert(halved.end(), std::move(node));
      }
    }
    bins = std::move(halved);
  }
  return log2_steps;
}

void RunCurve::Reserve(int64_t step) {
  bins_.try_emplace(step >> log2_steps_, class_count_);
  log2_steps_ = Merge(bins_, log2_steps_, kMostPoints);
}

void RunCurve::Add(int64_t step, std::optional<double> learning_rate, const TurnTally& turns,
                   const ClassTallies& classes) {
  Bin batch(0);
  batch.first_step = step;
  batch.last_step = step;
  batch.has_steps = true;
  batch.learning_rate = learning_rate;
  batch.learning_rate_step = step;
  batch.turns = turns;
  Bin& bin = bins_.at(step >> log2_steps_);
  bin.Merge(batch);
  bin.classes.Merge(classes);
}

std::vector<RunPoint> RunCurve::Points(int64_t most_points) const {
  Bins bins = bins_;
  Merge(bins, log2_steps_, std::clamp<int64_t>(most_points, 1, kMostPoints));
  std::vector<RunPoint> points;
  points.reserve(bins.size());
  for (const auto& [place, bin] : bins) {
    if (!bin.has_steps) continue;
    RunPoint point;
    point.first_step = bin.first_step;
    point.last_step = bin.last_step;
    point.epoch = bin.turns.epoch;
    point.presentations = bin.turns.presentations;
    point.mean_loss = bin.turns.mean_loss;
    point.hard_count = bin.turns.hard_count;
    point.turned_easy = bin.turns.turned_easy;
    point.turned_hard = bin.turns.turned_hard;
    point.forgotten = bin.turns.forgotten;
    point.learning_rate = bin.learning_rate;
    point.classes = bin.classes.Shares();
    points.push_back(std::move(point));
  }
  return points;
}

}  // namespace lossd::runs
