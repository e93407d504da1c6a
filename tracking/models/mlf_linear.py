# SPDX-License-Identifier: Apache-2.0
"""Loads a linear model that mlf saved, for mlflow.pyfunc. It needs nothing but numpy."""

import json

import numpy as np


class LinearModel:
    """Coefficients (outputs x features) and intercepts of a regression or a classifier."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            saved = json.load(file)
        self.kind = saved["kind"]
        self.feature_names = saved["feature_names"]
        shape = (saved["n_outputs"], saved["n_features"])
        self.coef_ = np.asarray(saved["coefficients"], dtype=np.float64).reshape(shape)
        self.intercept_ = np.asarray(saved["intercepts"], dtype=np.float64).reshape(shape[0])
        self.classes_ = self._classes(saved["class_names"])

    def _classes(self, names):
        if self.kind == "regression":
            return None
        if names is None:
            return np.arange(max(2, len(self.intercept_)))
        try:
            numbers = [int(name) for name in names]
            if [str(number) for number in numbers] == names:
                return np.asarray(numbers, dtype=np.int64)
        except (ValueError, OverflowError):
            pass
        return np.asarray(names, dtype=object)

    def _rows(self, data):
        """The rows as an array, the columns of a table in the order of the features."""
        names = self.feature_names
        if isinstance(data, dict):
            keys = names if names and set(names) <= set(data) else list(data)
            data = np.column_stack([np.asarray(data[key], dtype=np.float64) for key in keys])
        elif hasattr(data, "columns") and names and set(names) <= set(data.columns):
            data = data[names]
        rows = np.asarray(data, dtype=np.float64)
        if rows.ndim == 1:
            rows = rows.reshape(1, -1)
        if rows.ndim != 2 or rows.shape[1] != self.coef_.shape[1]:
            raise ValueError(
                f"rows of {self.coef_.shape[1]} values are wanted, the data have the shape {rows.shape}"
            )
        return rows

    def decision_function(self, data):
        """W x + b of each row."""
        return self._rows(data) @ self.coef_.T + self.intercept_

    def predict(self, data, params=None):
        """Values of a regression, labels of a classifier."""
        scores = self.decision_function(data)
        if self.kind == "regression":
            return scores[:, 0] if scores.shape[1] == 1 else scores
        if self.kind == "logistic":
            return self.classes_[(scores[:, 0] > 0).astype(np.int64)]
        return self.classes_[np.argmax(scores, axis=1)]

    def predict_proba(self, data):
        """Probabilities of the classes."""
        if self.kind == "regression":
            raise ValueError("a regression has no classes")
        scores = self.decision_function(data)
        if self.kind == "logistic":
            scores = np.column_stack([np.zeros(len(scores)), scores[:, 0]])
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


def _load_pyfunc(path):
    return LinearModel(path)
