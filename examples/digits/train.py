"""Trains a classifier of handwritten digits and writes it as digits.onnx.

    pip install -r requirements-train.txt
    python train.py

The data is scikit-learn's own: 1797 images of 8 by 8 pixels, 0 to 16. The model
takes batches of 64 numbers and gives a label and ten probabilities for each.
"""

from pathlib import Path

from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

images, labels = load_digits(return_X_y=True)
train_x, test_x, train_y, test_y = train_test_split(images, labels, test_size=0.2, random_state=7, stratify=labels)

model = make_pipeline(MinMaxScaler(), MLPClassifier(hidden_layer_sizes=(48,), max_iter=1000, random_state=7))
model.fit(train_x, train_y)
print(f"accuracy on {len(test_y)} images it has not seen: {model.score(test_x, test_y):.3f}")

exported = to_onnx(
    model,
    initial_types=[("image", FloatTensorType([None, 64]))],
    options={"zipmap": False},  # plain tensors instead of a map for each row
    target_opset=17,
)
path = Path(__file__).with_name("digits.onnx")
path.write_bytes(exported.SerializeToString())
print(f"wrote {path.name}, {path.stat().st_size} bytes")
