#include "client/demo/dataset.h"

#include <unistd.h>
#include <zlib.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lossd::demo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kHeader[] = "V1,V2,V3,V4,V5,V6,V7,V8,V9,Class\n";

// A file of this test that is gone at its end.
class TemporaryFile {
 public:
  TemporaryFile() : path_(::testing::TempDir() + "lossd_dataset_XXXXXX") {
    close(mkstemp(path_.data()));
  }
  ~TemporaryFile() { std::remove(path_.c_str()); }

  const std::string& path() const { return path_; }

  void WriteGzip(const std::string& text) const {
    gzFile file = gzopen(path_.c_str(), "wb");
    ASSERT_EQ(gzwrite(file, text.data(), static_cast<unsigned>(text.size())),
              static_cast<int>(text.size()));
    ASSERT_EQ(gzclose(file), Z_OK);
  }

  std::string Read() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  void Write(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  }

 private:
  std::string path_;
};

// Rows of which the first feature is its number and the others are 1.
std::string Rows(int count) {
  std::string text = kHeader;
  for (int i = 0; i < count; ++i) text += std::to_string(i) + ",1,1,1,1,1,1,1,1,High\n";
  return text;
}

TEST(ParseShuttleTest, ReadsFeaturesAndLabels) {
  const auto samples = ParseShuttle(std::string(kHeader) +
                                    "50,21,77,0,28,0,27,48,22,Fpv.Close\n"
                                    "-1,0,92,0,0,26,36,92,56,Bpv.Open\r\n");
  ASSERT_TRUE(samples.ok()) << samples.status();
  EXPECT_THAT(samples->labels, ElementsAre(1, 6));
  ASSERT_EQ(samples->features.size(), 18U);
  EXPECT_EQ(samples->features[0], 50.0f);
  EXPECT_EQ(samples->features[9], -1.0f);
  EXPECT_EQ(samples->features[17], 56.0f);
}

TEST(ParseShuttleTest, NamesTheLineThatIsWrong) {
  const auto error = [](const std::string& text) {
    const absl::Status status = ParseShuttle(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << text;
    return std::string(status.message());
  };
  EXPECT_THAT(error("a,b\n"), HasSubstr("line 1: is 'a,b'; expected 'V1,"));
  EXPECT_THAT(error(""), HasSubstr("line 1"));
  EXPECT_THAT(error(Rows(2) + "1,2,3\n"), HasSubstr("line 4: has 3 columns; expected 10"));
  EXPECT_THAT(error(Rows(1) + "1,2,x,4,5,6,7,8,9,High\n"),
              HasSubstr("line 3: V3 is 'x', not a number"));
  EXPECT_THAT(error(Rows(1) + "1,2,nan,4,5,6,7,8,9,High\n"), HasSubstr("line 3: V3 is 'nan'"));
  EXPECT_THAT(error(Rows(0) + "1,2,3,4,5,6,7,8,9,Low\n"), HasSubstr("line 2: unknown class 'Low'"));
}

TEST(SplitTest, TakesTheLastRowsForTheTest) {
  const auto dataset = Split(*ParseShuttle(Rows(5)), 2);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->train.size(), 3U);
  EXPECT_EQ(dataset->test.size(), 2U);
  EXPECT_EQ(dataset->train.features.size(), 27U);
  EXPECT_EQ(dataset->test.features[0], 3.0f);
  EXPECT_EQ(dataset->test.features[9], 4.0f);
}

TEST(SplitTest, RefusesToLeaveNothingToTrainOn) {
  EXPECT_EQ(Split(*ParseShuttle(Rows(5)), 5).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(StandardiseTest, UsesTheTrainingRowsAlone) {
  auto dataset = Split(*ParseShuttle(Rows(5)), 2);
  Standardise(*dataset);
  // Training values 0, 1, 2: mean 1, variance ⅔. Test values 3, 4.
  const double scale = std::sqrt(1.5);
  EXPECT_FLOAT_EQ(dataset->train.features[0], static_cast<float>(-scale));
  EXPECT_FLOAT_EQ(dataset->train.features[9], 0.0f);
  EXPECT_FLOAT_EQ(dataset->test.features[0], static_cast<float>(2.0 * scale));
  EXPECT_FLOAT_EQ(dataset->test.features[9], static_cast<float>(3.0 * scale));
  // A constant feature has no deviation to divide by.
  EXPECT_EQ(dataset->train.features[1], 0.0f);
  EXPECT_EQ(dataset->test.features[1], 0.0f);
}

TEST(LoadShuttleTest, ReadsAGzipFile) {
  const TemporaryFile file;
  file.WriteGzip(Rows(100));
  const auto dataset = LoadShuttle(file.path(), 10);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->train.size(), 90U);
  EXPECT_EQ(dataset->test.size(), 10U);
}

TEST(LoadShuttleTest, RefusesATruncatedFile) {
  const TemporaryFile file;
  file.WriteGzip(Rows(20000));
  const std::string whole = file.Read();
  for (const size_t length : {whole.size() - 1, whole.size() - 8, whole.size() / 2, size_t{12}}) {
    file.Write(whole.substr(0, length));
    const absl::Status status = LoadShuttle(file.path(), 10).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << length << " of " << whole.size();
    EXPECT_THAT(std::string(status.message()), HasSubstr(file.path()));
  }
}

TEST(LoadShuttleTest, RefusesADamagedFile) {
  const TemporaryFile file;
  file.WriteGzip(Rows(20000));
  std::string bytes = file.Read();
  bytes[bytes.size() / 2] = static_cast<char>(~bytes[bytes.size() / 2]);
  file.Write(bytes);
  EXPECT_EQ(LoadShuttle(file.path(), 10).status().code(), absl::StatusCode::kDataLoss);
}

TEST(LoadShuttleTest, RefusesAFileThatIsNotCompressed) {
  const TemporaryFile file;
  file.Write(Rows(100));
  const absl::Status status = LoadShuttle(file.path(), 10).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("not a gzip file"));
}

TEST(LoadShuttleTest, RefusesAnEmptyFile) {
  const TemporaryFile file;
  EXPECT_EQ(LoadShuttle(file.path(), 10).status().code(), absl::StatusCode::kDataLoss);
}

TEST(LoadShuttleTest, SaysThatThereIsNoFile) {
  const absl::Status status = LoadShuttle("/nowhere/shuttle.csv.gz", 10).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nowhere/shuttle.csv.gz: No such file"));
}

}  // namespace
}  // namespace lossd::demo
