#include "server/runs/request_ids.h"

#include <algorithm>

namespace lossd::runs {

bool RequestIds::Has(const RequestHash& request) const {
  return index_.Find(IndexHash(request), [&](uint32_t position) {
    return requests_[position] == request;
  }) != PositionIndex::kMostPositions;
}

void RequestIds::ReserveOne() {
  if (requests_.size() == most_) return;
  if (requests_.size() == requests_.capacity()) {
    requests_.reserve(std::min(most_, std::max<size_t>(64, 2 * requests_.size())));
  }
  index_.Reserve(requests_.size() + 1,
                 [this](uint32_t position) { return IndexHash(requests_[position]); });
}

void RequestIds::Add(const RequestHash& request) {
  if (requests_.size() < most_) {
    requests_.push_back(request);
    index_.Insert(IndexHash(request), static_cast<uint32_t>(requests_.size() - 1));
    return;
  }
  const auto hash_at = [this](uint32_t position) { return IndexHash(requests_[position]); };
  const auto position = static_cast<uint32_t>(oldest_);
  index_.Remove(hash_at(position), position, hash_at);
  requests_[oldest_] = request;
  index_.Insert(IndexHash(request), position);
  oldest_ = (oldest_ + 1) % most_;
}

int64_t RequestIds::bytes() const {
  return static_cast<int64_t>(requests_.capacity() * sizeof(RequestHash)) + index_.bytes();
}

int64_t RequestIds::BytesWithOne() const {
  if (requests_.size() == most_) return bytes();
  size_t capacity = requests_.capacity();
  if (requests_.size() == capacity) {
    capacity = std::min(most_, std::max<size_t>(64, 2 * requests_.size()));
  }
  return static_cast<int64_t>(capacity * sizeof(RequestHash)) +
         index_.BytesWith(requests_.size() + 1);
}

}  // namespace lossd::runs
