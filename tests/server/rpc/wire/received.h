#ifndef LOSSD_TESTS_SERVER_RPC_WIRE_RECEIVED_H_
#define LOSSD_TESTS_SERVER_RPC_WIRE_RECEIVED_H_

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/rpc/wire/received_bytes.h"
#include "server/rpc/wire/sent_bytes.h"

namespace lossd::rpc {

// Returns `text` in pieces of `piece_bytes`, as a connection delivers it.
inline ReceivedBytes Received(const std::string& text, size_t piece_bytes = 1 << 20) {
  auto memory = std::make_shared<std::vector<std::string>>();
  for (size_t i = 0; i < text.size(); i += piece_bytes) {
    memory->push_back(text.substr(i, piece_bytes));
  }
  wire::BytePieces pieces;
  for (const std::string& piece : *memory) pieces.Append(piece);
  return {std::move(pieces), std::move(memory)};
}

// Returns the bytes in one piece.
inline std::string Text(const SentBytes& bytes) {
  std::string text;
  for (const SentBytes::Piece& piece : bytes.pieces()) {
    std::visit(
        [&](const auto& data) {
          text.append(static_cast<const char*>(static_cast<const void*>(data.data())), data.size());
        },
        piece);
  }
  return text;
}

}  // namespace lossd::rpc

#endif  // LOSSD_TESTS_SERVER_RPC_WIRE_RECEIVED_H_
