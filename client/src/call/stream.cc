#include "lossd/stream.h"

#include <utility>

#include "client/src/call/stream_session.h"

namespace lossd {

template <typename T>
Stream<T>::Stream(std::unique_ptr<client::StreamSession<T>> session)
    : session_(std::move(session)) {}

template <typename T>
Stream<T>::Stream(Stream&&) noexcept = default;

template <typename T>
Stream<T>& Stream<T>::operator=(Stream&&) noexcept = default;

template <typename T>
Stream<T>::~Stream() = default;

template <typename T>
int32_t Stream<T>::window() const {
  return session_->window();
}

template <typename T>
absl::Status Stream<T>::Send(const ArrayView<T>& logits, const Labels& labels, const LossSpec& loss,
                             const ComputeOptions& options) {
  return session_->Send(logits, labels, loss, options);
}

template <typename T>
absl::StatusOr<Result<T>> Stream<T>::Receive() {
  return session_->Receive();
}

template <typename T>
absl::Status Stream<T>::CloseSending() {
  return session_->CloseSending();
}

template <typename T>
absl::Status Stream<T>::Finish() {
  return session_->Finish();
}

template <typename T>
absl::Status Stream<T>::status() const {
  return session_->status();
}

template class Stream<float>;
template class Stream<double>;

}  // namespace lossd
