#include "client/demo/gzip_file.h"

#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace lossd::demo {

absl::StatusOr<std::string> ReadGzipFile(const std::string& path) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), &gzclose);
  if (file == nullptr) {
    return absl::NotFoundError(absl::StrCat("cannot open ", path, ": ", std::strerror(errno)));
  }
  std::string text;
  std::vector<char> buffer(size_t{1} << 16);
  int length = 0;
  while ((length = gzread(file.get(), buffer.data(), static_cast<unsigned>(buffer.size()))) > 0) {
    text.append(buffer.data(), static_cast<size_t>(length));
  }
  // A file that ends inside its compressed data reads as a short one; only gzerror tells.
  int error = Z_OK;
  const char* message = gzerror(file.get(), &error);
  if (error != Z_OK && error != Z_STREAM_END) {
    return absl::DataLossError(absl::StrCat(path, ": ", message));
  }
  // zlib passes on a file that is not compressed.
  if (gzdirect(file.get()) != 0) {
    return absl::DataLossError(absl::StrCat(path, ": not a gzip file"));
  }
  return text;
}

}  // namespace lossd::demo
